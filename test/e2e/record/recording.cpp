// The file of a recording against what was put into it, whole, cut short and damaged.
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdio>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <random>
#include <vector>

#include "format/stacks.hpp"
#include "tool/model/failure.hpp"
#include "tool/model/recording_events.hpp"
#include "tool/model/recording_reader.hpp"
#include "tool/model/recording_writer.hpp"

namespace loam::tool {
namespace {

class Recording : public testing::Test {
 protected:
  void SetUp() override {
    path_ = std::filesystem::temp_directory_path() / ("loam-recording." + std::to_string(getpid()));
  }
  void TearDown() override { std::filesystem::remove(path_); }

  // What threads do that allocate, free what any of them has, resize, and now and then free what nobody has seen.
  std::vector<RecordedEvent> make_events(unsigned seed, std::size_t count) {
    std::mt19937 engine(seed);
    const auto random = [&engine] { return static_cast<unsigned>(engine()); };
    std::vector<RecordedEvent> events;
    std::vector<RecordedEvent> live;
    std::uint64_t time = 0;
    for (std::size_t i = 0; i < count; ++i) {
      RecordedEvent event;
      event.time = (time += random() % 5000) / 1000 * 1000;
      event.thread = 1000 + random() % 3;
      const unsigned what = random() % 10;
      if (what < 4 && !live.empty()) {
        const std::size_t at = random() % 3 == 0 ? random() % live.size() : live.size() - 1;
        event.is_free = true;
        event.is_resize = random() % 5 == 0;
        event.address = live[at].address;
        live.erase(live.begin() + static_cast<std::ptrdiff_t>(at));
      } else if (what == 4) {
        event.is_free = true;
        event.address = 0x7f0000000000 + random() % 100000;
      } else {
        event.size = random() % 4 == 0 ? random() % 100000 : random() % 200;
        event.address = 0x10000000 + std::uint64_t{random() % 5000} * (random() % 7 == 0 ? 8 : 16);
        event.stack = random() % 50;
        event.alignment_log = random() % 20 == 0 ? 12 : 4;
        live.push_back(event);
      }
      events.push_back(event);
    }
    return events;
  }
  void write(const std::vector<RecordedEvent>& events) {
    RecordingWriter writer(path_, "{\"pid\": 1}");
    for (const RecordedEvent& event : events) writer.add(event);
    writer.sample({5, 1000, 2000, 3});
    writer.finish("{\"ending\": \"exit status 0\"}");
  }
  static bool same(const RecordedEvent& a, const RecordedEvent& b) {
    return a.time == b.time && a.address == b.address && a.size == b.size && a.thread == b.thread &&
           a.stack == b.stack && a.alignment_log == b.alignment_log && a.is_free == b.is_free &&
           a.is_resize == b.is_resize;
  }
  // How many events are read, each of which must be the one that was written.
  std::size_t read(const std::vector<RecordedEvent>& events, std::string* remark) {
    RecordingReader reader(path_);
    RecordedEvent event;
    std::size_t count = 0;
    for (; reader.next(event); ++count) {
      if (count >= events.size() || !same(event, events[count])) ADD_FAILURE() << "event " << count;
      if (HasFailure()) break;
    }
    *remark = reader.remark();
    return count;
  }

  std::string path_;
};

TEST_F(Recording, HoldsWhatWasPutIn) {
  const unsigned seed = std::random_device()();
  SCOPED_TRACE("seed " + std::to_string(seed));
  const auto events = make_events(seed, 150'000);  // more than two blocks
  write(events);
  std::string remark;
  EXPECT_EQ(read(events, &remark), events.size());
  EXPECT_EQ(remark, "");
  RecordingReader reader(path_);
  for (RecordedEvent event; reader.next(event);) {
  }
  EXPECT_EQ(reader.end(), "{\"ending\": \"exit status 0\"}");
  ASSERT_EQ(reader.samples().size(), 1u);
  EXPECT_EQ(reader.samples()[0].resident, 1000u);
  reader.rewind();
  RecordedEvent first;
  ASSERT_TRUE(reader.next(first));
  EXPECT_TRUE(same(first, events[0]));
}

// The most that a block's numbers of two bytes have to hold: as many stacks as events, and the first block freed last.
TEST_F(Recording, NumbersAsLargeAsABlock) {
  std::vector<RecordedEvent> events;
  RecordedEvent event;
  for (std::uint32_t i = 0; i < 2 * EventPacker::kMostEvents; ++i) {
    event.address = 0x1000 + std::uint64_t{i} * 16;
    event.size = 1 + i % 3 * 0xffff;
    event.stack = 5'000'000 - i;
    events.push_back(event);
    if (i == EventPacker::kMostEvents - 2)  // the last of the first block of the file
      events.push_back({0, 0x1000, 0, 0, 0, 4, true, false});
  }
  write(events);
  std::string remark;
  EXPECT_EQ(read(events, &remark), events.size());
  EXPECT_EQ(remark, "");
}

TEST_F(Recording, CutAnywhere) {
  const auto events = make_events(7, 70'000);
  write(events);
  const auto whole = std::filesystem::file_size(path_);
  std::size_t most = 0;
  for (std::uintmax_t bytes = whole - 1; bytes > 16; bytes -= std::min<std::uintmax_t>(bytes, whole / 37)) {
    std::filesystem::resize_file(path_, bytes);
    std::string remark;
    const std::size_t count = read(events, &remark);
    EXPECT_NE(remark, "") << bytes;
    most = std::max(most, count);
  }
  EXPECT_EQ(most, events.size());  // only the end is missing
}

// A file of many blocks of each kind, which samples finish.
class Damaged : public Recording {
 protected:
  static constexpr std::size_t kInBlock = 400;
  struct Block {
    std::size_t at;
    format::BlockHead head;
  };

  void SetUp() override {
    Recording::SetUp();
    events_ = make_events(11, 5 * kInBlock);
    RecordingWriter writer(path_, R"({"pid": 1})");
    for (std::size_t i = 0; i < events_.size(); ++i) {
      if (i % kInBlock == 0) describe(writer, static_cast<std::uint32_t>(i / kInBlock + 1));
      writer.add(events_[i]);
      for (unsigned n = 0; i % kInBlock == kInBlock - 1 && n < 3000; ++n) writer.sample({i, n, 2, 3});
    }
    writer.finish("{}");
    std::ifstream in(path_, std::ios::binary);
    whole_.assign(std::istreambuf_iterator<char>(in), {});
    Block block{sizeof(format::RecordingHead), {}};
    for (; block.at < whole_.size(); block.at += sizeof block.head + block.head.packed) {
      std::memcpy(&block.head, &whole_[block.at], sizeof block.head);
      blocks_.push_back(block);
    }
    ASSERT_EQ(blocks_.size(), 2 + 3 * 5u);
  }
  static void describe(RecordingWriter& writer, std::uint32_t id) {
    format::StackRecord stack{};
    stack.id = id;
    const format::RecordHead head{format::RecordKind::kStack, sizeof stack};
    std::string record(reinterpret_cast<const char*>(&head), sizeof head);
    record.append(reinterpret_cast<const char*>(&stack), sizeof stack);
    writer.describe(record.data(), record.size());
  }
  // What is read of the file with this content must be what was written, but for events from `first` to `end`.
  std::string read_but(const std::string& content, std::size_t first, std::size_t end) {
    std::ofstream(path_, std::ios::binary) << content;
    RecordingReader reader(path_);
    std::size_t at = 0;
    for (RecordedEvent event; reader.next(event); ++at) {
      if (at == first) at = end;
      if (at >= events_.size() || !same(event, events_[at])) {
        ADD_FAILURE() << "event " << at;
        break;
      }
    }
    if (at == first) at = end;
    EXPECT_EQ(at, events_.size());
    return reader.remark();
  }

  std::vector<RecordedEvent> events_;
  std::string whole_;
  std::vector<Block> blocks_;
};

// Whichever bit of a block is wrong, in its head or behind it, what is lost is the block.
TEST_F(Damaged, LosesNothingElse) {
  for (const Block& block : blocks_) {
    const std::size_t bytes = sizeof block.head + block.head.packed;
    const bool has_events = block.head.kind == format::BlockKind::kEvents;
    const std::size_t first = has_events ? block.head.before : events_.size();
    const std::size_t end = has_events ? first + block.head.count : first;
    for (std::size_t byte = 0; byte < bytes; byte += byte < sizeof block.head ? 3 : 1 + bytes / 7) {
      SCOPED_TRACE(testing::Message() << "byte " << byte << " of the block at " << block.at);
      std::string bad = whole_;
      bad[block.at + byte] = static_cast<char>(bad[block.at + byte] ^ (1 << byte % 8));
      const std::string remark = read_but(bad, first, end);
      EXPECT_NE(remark.find("damaged"), std::string::npos) << remark;
      EXPECT_EQ(remark.find("400 events between") != std::string::npos, has_events) << remark;
      if (HasFailure()) return;
    }
  }
}

TEST_F(Damaged, TellsWhichPartOfTimeIsMissing) {
  const Block& block = blocks_[1 + 3 + 1];  // the second one of events
  ASSERT_EQ(block.head.kind, format::BlockKind::kEvents);
  std::string bad = whole_;
  bad[block.at + sizeof block.head + 5] ^= 1;
  const std::string remark = read_but(bad, kInBlock, 2 * kInBlock);
  const auto seconds = [this](std::size_t event) {
    return std::to_string(static_cast<double>(events_[event].time / 1000) / 1e6);
  };
  EXPECT_EQ(remark, "a block is damaged: missing are 400 events between " + seconds(kInBlock - 1) +
                        " s and " + seconds(2 * kInBlock) + " s");
}

TEST_F(Damaged, AHoleInTheMiddle) {
  // A page of nothing, which begins and ends within blocks: what is left of them is passed by.
  const std::size_t begin = blocks_[5].at + 60;
  const std::size_t end = blocks_[11].at + 60;
  std::string bad = whole_;
  bad.replace(begin, end - begin, end - begin, '\0');
  const std::string remark = read_but(bad, kInBlock, 4 * kInBlock);
  EXPECT_NE(remark.find("missing are 1200 events"), std::string::npos) << remark;
  bad = whole_.substr(0, begin) + whole_.substr(end);
  read_but(bad, kInBlock, 4 * kInBlock);
}

TEST_F(Damaged, WithoutItsEnd) {
  std::string bad = whole_;
  bad[blocks_.back().at] ^= 1;
  const std::string remark = read_but(bad, events_.size(), events_.size());
  EXPECT_NE(remark.find("its end is missing"), std::string::npos) << remark;
}

TEST_F(Recording, OfAnotherVersionIsRefused) {
  write(make_events(3, 10));
  std::fstream file(path_, std::ios::binary | std::ios::in | std::ios::out);
  file.seekp(offsetof(format::RecordingHead, version));
  file.put(3);
  file.close();
  EXPECT_TRUE(is_recording(path_));
  try {
    RecordingReader reader(path_);
    ADD_FAILURE() << "was read";
  } catch (const Failure& failure) {
    EXPECT_NE(std::string(failure.what()).find("version 3, this tool knows 4"), std::string::npos);
  }
}

// Half a day without an event made a block of samples too large to be read, and what had been done before was kept in memory.
TEST_F(Recording, AnIdleProgramIsWrittenDown) {
  const auto events = make_events(17, 100);
  RecordingWriter writer(path_, "{}");
  for (const RecordedEvent& event : events) writer.add(event);
  for (unsigned i = 0; i < 3000; ++i) writer.sample({i, 1, 2, 3});
  std::string remark;
  EXPECT_EQ(read(events, &remark), events.size());  // not finished: the tool may be killed
  for (unsigned i = 0; i < 2'200'000; ++i) writer.sample({i, 1, 2, 3});
  writer.finish("{}");
  EXPECT_EQ(read(events, &remark), events.size());
  EXPECT_EQ(remark, "");
}

TEST_F(Recording, FactsOfAnotherTypeAreNotKnown) {
  RecordingWriter(path_, R"({"pid": "x", "program": [1, "a"], "stacks": 7, "started_ns": -1})")
      .finish(R"({"ending": 3, "cut": "no", "dropped": [], "duration_ns": null})");
  RecordingEvents events(path_);
  HeapEvent event;
  EXPECT_FALSE(events.next(event));
  const RecordingFacts facts = events.facts();
  EXPECT_EQ(facts.pid, 0u);
  EXPECT_EQ(facts.program, std::vector<std::string>{"a"});
  EXPECT_EQ(facts.ending, "");
  EXPECT_FALSE(facts.has_stacks);
}

TEST_F(Recording, ManyDescriptionsAtOnce) {
  // More than a block may hold, before the first event.
  std::string record(1u << 20, '\0');
  const format::RecordHead head{static_cast<format::RecordKind>(99), (1u << 20) - sizeof head};
  std::memcpy(record.data(), &head, sizeof head);
  RecordingWriter writer(path_, "{}");
  for (int i = 0; i < 80; ++i) writer.describe(record.data(), record.size());
  writer.add({1000, 0x1000, 24, 7, 3, 4, false, false});
  writer.finish("{}");
  RecordingReader reader(path_);
  RecordedEvent event;
  EXPECT_TRUE(reader.next(event));
  EXPECT_FALSE(reader.next(event));
  EXPECT_EQ(reader.remark(), "");
}

TEST_F(Recording, IsRefusedWhenItIsNone) {
  std::ofstream(path_) << "something else entirely";
  EXPECT_FALSE(is_recording(path_));
  EXPECT_THROW(RecordingReader{path_}, Failure);
  EXPECT_THROW(RecordingReader{"/nowhere/at/all"}, Failure);
  EXPECT_THROW(RecordingWriter("/nowhere/at/all", "{}"), Failure);
}

}  // namespace
}  // namespace loam::tool

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

TEST_F(Recording, DamagedAnywhere) {
  const auto events = make_events(11, 3000);
  write(events);
  std::ifstream in(path_, std::ios::binary);
  const std::string whole((std::istreambuf_iterator<char>(in)), {});
  for (std::size_t at = 16; at < whole.size(); at += 1 + whole.size() / 400) {
    std::string bad = whole;
    bad[at] = static_cast<char>(bad[at] ^ (1 << at % 8));
    std::ofstream(path_, std::ios::binary) << bad;
    std::string remark;
    read(events, &remark);
    EXPECT_NE(remark, "") << at;
  }
}

// A block of events whose kind became an unknown one was skipped, and all that followed was wrong.
TEST_F(Recording, DamagedHeads) {
  const auto events = make_events(13, 70'000);
  write(events);
  std::ifstream in(path_, std::ios::binary);
  const std::string whole((std::istreambuf_iterator<char>(in)), {});
  format::BlockHead head{};
  for (std::size_t at = sizeof(format::RecordingHead); at < whole.size(); at += sizeof head + head.packed) {
    std::memcpy(&head, &whole[at], sizeof head);
    for (std::size_t byte = at; byte < at + sizeof head && !HasFailure(); ++byte) {
      std::string bad = whole;
      bad[byte] = static_cast<char>(bad[byte] ^ (1 << byte % 8));
      std::ofstream(path_, std::ios::binary) << bad;
      std::string remark;
      read(events, &remark);
      EXPECT_NE(remark, "") << "byte " << byte - at << " of the head at " << at;
    }
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

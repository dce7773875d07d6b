#include "record/recorder.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>

#include <filesystem>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "sys/cpu.hpp"

namespace loam::record {
namespace {

using format::Event;
using format::RingWords;

// A folder, and the only ring file in it as a tool sees it.
class Recorder : public testing::Test {
 protected:
  void SetUp() override {
    char name[] = "/tmp/loam-recorder-XXXXXX";
    ASSERT_NE(mkdtemp(name), nullptr);
    folder_ = name;
    ASSERT_TRUE(open(name, true, 17));
    for (const auto& entry : std::filesystem::directory_iterator(folder_)) path_ = entry.path();
    const int file = ::open(path_.c_str(), O_RDWR | O_CLOEXEC);
    void* mapped = mmap(nullptr, format::kRingFileBytes, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    close(file);
    ASSERT_NE(mapped, MAP_FAILED);
    file_ = static_cast<format::RingFile*>(mapped);
  }
  void TearDown() override {
    leave_off();
    munmap(file_, format::kRingFileBytes);
    std::filesystem::remove_all(folder_);
  }
  format::Ring& ring(unsigned index) {
    return reinterpret_cast<format::Ring*>(reinterpret_cast<char*>(file_) + format::kRingsAt)[index];
  }
  struct Told {
    Event event;
    uint64_t tick;
    uint32_t thread;
  };
  // What the ring tells, as far as it has not been written over.
  std::vector<Told> events(unsigned index) {
    const uint64_t* words = reinterpret_cast<uint64_t*>(reinterpret_cast<char*>(file_) + format::kWordsAt) +
                            uint64_t{index} * format::kRingWords;
    std::vector<Told> all;
    RingWords reader;
    for (uint64_t i = 0; i < ring(index).written.load(); ++i) {
      Told told{};
      if (!reader.take(words[i % format::kRingWords], told.event)) continue;
      told.tick = reader.tick();
      told.thread = reader.thread();
      all.push_back(told);
    }
    return all;
  }
  static Event allocation(uint64_t address) { return {address, 100, 0, false, false, 4}; }

  std::string folder_;
  std::string path_;
  format::RingFile* file_ = nullptr;
};

TEST_F(Recorder, WritesWhatItIsTold) {
  EXPECT_EQ(file_->magic, format::kRingMagic);
  EXPECT_EQ(file_->pid, static_cast<uint32_t>(getpid()));
  EXPECT_EQ(file_->forked_from, 17u);
  Writer writer = {};
  const Event all[] = {
      {0x1230, 100, 7, false, false, 4},
      {0x1230, 0, 0, true, false, 4},
      {0x1230, 0xfffe, 7, false, false, 4},
      {0x1240, 0xffff, 8, false, false, 12},  // a size that a word has no room for
      {0x1250, 1ull << 46, 0xffffffff, false, true, 4},
      {0x00fedcba98765430, 5, 0, false, false, 4},  // nor for such addresses
      {0x1239, 0, 1, false, false, 4},
      {0x1239, 0, 0, true, true, 4},
      {0x7ffffffffff0, 1, 1, false, false, 4},
  };
  for (const Event& event : all) put(&writer, 4711, event);
  put(&writer, 4712, all[0]);  // another thread has taken over the heap
  const auto told = events(0);
  ASSERT_EQ(told.size(), std::size(all) + 1);
  for (size_t i = 0; i < std::size(all); ++i) {
    SCOPED_TRACE(i);
    EXPECT_EQ(told[i].event.address, all[i].address);
    EXPECT_EQ(told[i].event.size, all[i].size);
    EXPECT_EQ(told[i].event.stack, all[i].stack);
    EXPECT_EQ(told[i].event.is_free, all[i].is_free);
    EXPECT_EQ(told[i].event.is_resize, all[i].is_resize);
    EXPECT_EQ(told[i].event.alignment_log, all[i].alignment_log);
    EXPECT_EQ(told[i].thread, 4711u);
  }
  EXPECT_EQ(told.back().thread, 4712u);
}

// Events of all kinds in any order, those that are one word long and those that are not.
TEST_F(Recorder, WhatIsToldQuicklyReadsTheSame) {
  const uint64_t seed = std::random_device{}();
  SCOPED_TRACE(seed);
  std::mt19937_64 random(seed);
  Writer writer = {};
  std::vector<Event> all;
  uint64_t read = 0;
  RingWords reader;
  const auto* words = reinterpret_cast<const uint64_t*>(reinterpret_cast<char*>(file_) + format::kWordsAt);
  size_t told = 0;
  for (unsigned i = 0; i < 3 * format::kRingWords; ++i) {
    const bool is_free = random() % 2 == 0;
    const bool is_long = random() % 16 == 0;
    Event event{16 * (1 + random() % 1000), 0, 0, is_free, random() % 8 == 0, 4};
    if (is_long && random() % 2 == 0) event.address |= 1;
    if (!is_free) {
      event.size = is_long && random() % 2 == 0 ? 1 << 20 : random() % 0xffff;
      event.stack = static_cast<uint32_t>(random() % 3);
      if (is_long && random() % 2 == 0) event.alignment_log = 12;
    }
    all.push_back(event);
    put(&writer, 1 + i / 1000 % 3, event);
    if (i % 50 != 0) continue;
    for (Event seen; read < ring(0).written.load(); ++read) {
      if (!reader.take(words[read % format::kRingWords], seen)) continue;
      const Event& expected = all[told++];
      ASSERT_EQ(seen.address, expected.address);
      ASSERT_EQ(seen.size, expected.size);
      ASSERT_EQ(seen.stack, expected.stack);
      ASSERT_EQ(seen.is_free, expected.is_free);
      ASSERT_EQ(seen.is_resize, expected.is_resize);
      ASSERT_EQ(seen.alignment_log, expected.alignment_log);
      ASSERT_EQ(reader.thread(), 1 + (told - 1) / 1000 % 3);
    }
    ring(0).read.store(read);
    ASSERT_EQ(told, all.size());
  }
}

// A lone thread tells the time now and then; from another one's first event on, both tell it with each event.
TEST_F(Recorder, TimesAreToldAsOrderNeedsThem) {
  Writer one = {};
  Writer other = {};
  constexpr unsigned kAlone = 4 * format::kStampWords;
  for (uint64_t i = 0; i < kAlone; ++i) put(&one, 1, allocation(16 * (i + 1)));
  EXPECT_LE(one.written, kAlone + 1u + 5u);  // a thread and five times
  const uint64_t before = sys::ticks_after();
  const uint64_t alone = one.written;
  put(&other, 2, allocation(16));
  for (uint64_t i = 0; i < 100; ++i) put(&one, 1, allocation(16 * (i + 1)));
  EXPECT_EQ(one.written, alone + 200);
  const auto told = events(0);
  ASSERT_EQ(told.size(), kAlone + 100u);
  unsigned since = 0;
  for (unsigned i = 0; i < kAlone; ++i) {
    EXPECT_GT(told[i].tick, file_->start_ticks);
    EXPECT_LE(told[i].tick, before);
    since = i > 0 && told[i].tick == told[i - 1].tick ? since + 1 : 1;
    EXPECT_LE(since, format::kStampWords);
    EXPECT_GE(told[i].tick, told[i == 0 ? 0 : i - 1].tick);
  }
  const uint64_t met = events(1).front().tick;
  EXPECT_GE(met, before);
  for (unsigned i = kAlone; i < told.size(); ++i)
    EXPECT_GE(told[i].tick, i == kAlone ? met : told[i - 1].tick);
}

// Where another thread cuts the recording, nothing more is told.
TEST_F(Recorder, ACutEndsWhatIsToldQuickly) {
  Writer one = {};
  for (uint64_t i = 0; i < 3; ++i) put(&one, 1, allocation(16));
  Writer other = {};
  for (uint64_t i = 0; i < format::kRingWords; ++i) put(&other, 2, allocation(16));
  ASSERT_EQ(file_->state.load(), format::RingState::kCut);
  const uint64_t dropped = file_->dropped.load();
  for (uint64_t i = 0; i < 3; ++i) put(&one, 1, allocation(16));
  EXPECT_EQ(file_->dropped.load(), dropped + 3);
  EXPECT_EQ(events(0).size(), 3u);
}

TEST_F(Recorder, NothingIsToldOfAProcessThatIsLeftOff) {
  Writer writer = {};
  put(&writer, 1, allocation(16));
  leave_off();
  put(&writer, 1, allocation(32));
  EXPECT_EQ(events(0).size(), 1u);
}

TEST_F(Recorder, EachThreadHasARingAndWhoHasNoneSharesOne) {
  std::vector<std::thread> threads;
  for (unsigned t = 0; t < 8; ++t) {
    threads.emplace_back([t] {
      Writer writer = {};
      for (uint64_t i = 1; i <= 1000; ++i) put(t < 4 ? &writer : nullptr, t + 1, allocation(16 * i));
    });
  }
  for (auto& thread : threads) thread.join();
  for (unsigned i = 0; i < 4; ++i) {
    const auto own = events(i);
    ASSERT_EQ(own.size(), 1000u);
    for (uint64_t n = 0; n < own.size(); ++n) EXPECT_EQ(own[n].event.address, 16 * (n + 1));
  }
  EXPECT_EQ(events(format::kRings - 1).size(), 4000u);
  EXPECT_EQ(file_->dropped.load(), 0u);
}

// A signal handler that interrupts a put() is not written into the same place.
TEST_F(Recorder, AnInterruptedWriterIsLeftAlone) {
  Writer writer = {};
  put(&writer, 1, allocation(16));
  writer.busy = true;
  put(&writer, 1, allocation(32));
  writer.busy = false;
  EXPECT_EQ(events(0).size(), 1u);
  ASSERT_EQ(events(format::kRings - 1).size(), 1u);
  EXPECT_EQ(events(format::kRings - 1)[0].event.address, 32u);
}

TEST_F(Recorder, MoreThreadsThanRings) {
  std::vector<Writer> writers(format::kRings + 5);
  for (uint32_t i = 0; i < writers.size(); ++i) put(&writers[i], i + 1, allocation(i * 16));
  EXPECT_EQ(events(format::kRings - 2).size(), 1u);
  const auto shared = events(format::kRings - 1);
  ASSERT_EQ(shared.size(), 6u);
  EXPECT_EQ(shared[5].thread, format::kRings + 5);
}

TEST_F(Recorder, WaitsForAReaderThatIsAlive) {
  Writer writer = {};
  std::thread reader([this] {
    for (uint64_t taken = 0; taken < 3 * format::kRingWords;) {
      file_->reader_beat_ns.store(1);  // never fresh: what is taken counts
      taken = ring(0).written.load(std::memory_order_acquire);
      ring(0).read.store(taken, std::memory_order_release);
      usleep(1000);
    }
  });
  for (uint64_t i = 0; i < 3 * format::kRingWords; ++i) put(&writer, 1, allocation(16 * i));
  reader.join();
  EXPECT_EQ(file_->state.load(), format::RingState::kRecording);
  EXPECT_EQ(file_->dropped.load(), 0u);
}

TEST_F(Recorder, CutsWhenNobodyReads) {
  Writer writer = {};
  for (uint64_t i = 0; i < format::kRingWords; ++i) put(&writer, 1, allocation(16 * i));
  EXPECT_EQ(file_->state.load(), format::RingState::kCut);
  EXPECT_GT(file_->cut_ticks.load(), file_->start_ticks);
  EXPECT_LE(ring(0).written.load(), uint64_t{format::kRingWords});
  EXPECT_EQ(events(0).size() + file_->dropped.load(), uint64_t{format::kRingWords});
  EXPECT_GT(file_->dropped.load(), 0u);
}

// As when a terminal stops the program and its tool alike: who comes back first must not take the other for dead.
TEST_F(Recorder, WhileItIsStoppedItDoesNotWait) {
  const pid_t program = fork();
  if (program == 0) {
    Writer writer = {};
    for (uint64_t i = 0; i < format::kRingWords; ++i) put(&writer, 1, allocation(16 * i));
    _exit(0);
  }
  while (ring(0).written.load() < format::kRingWords / 8 * 7) usleep(1000);
  usleep(20'000);  // it waits
  kill(program, SIGSTOP);
  usleep(1'300'000);
  kill(program, SIGCONT);
  usleep(50'000);  // it comes back first
  int status = -1;
  while (waitpid(program, &status, WNOHANG) == 0) {
    ring(0).read.store(ring(0).written.load(std::memory_order_acquire), std::memory_order_release);
    usleep(1000);
  }
  EXPECT_EQ(status, 0);
  EXPECT_EQ(file_->state.load(), format::RingState::kRecording);
  EXPECT_EQ(file_->dropped.load(), 0u);
}

TEST_F(Recorder, AnotherFileForAChild) {
  Writer writer = {};
  put(&writer, 1, allocation(16));
  ASSERT_TRUE(open(folder_.c_str(), false, 99));
  put(&writer, 1, allocation(32));
  ASSERT_EQ(events(0).size(), 1u);
  EXPECT_TRUE(std::filesystem::exists(path_.substr(0, path_.size() - 1) + "1"));
}

}  // namespace
}  // namespace loam::record

// Ring files as a program writes them, against what the tool makes of them.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

#include <filesystem>
#include <vector>

#include "sys/cpu.hpp"
#include "sys/kernel.hpp"
#include "tool/model/recording_reader.hpp"
#include "tool/model/ring_process.hpp"

namespace loam::tool {
namespace {

using format::WordKind;

class Rings : public testing::Test {
 protected:
  void SetUp() override {
    char name[] = "/tmp/loam-rings-XXXXXX";
    ASSERT_NE(mkdtemp(name), nullptr);
    folder_ = name;
    const std::string path = folder_ + "/ring.1.0";
    const int descriptor = open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    ASSERT_EQ(ftruncate(descriptor, static_cast<off_t>(format::kRingFileBytes)), 0);
    void* mapped = mmap(nullptr, format::kRingFileBytes, PROT_READ | PROT_WRITE, MAP_SHARED, descriptor, 0);
    close(descriptor);
    ASSERT_NE(mapped, MAP_FAILED);
    file_ = static_cast<format::RingFile*>(mapped);
    file_->version = format::kRingVersion;
    file_->start_monotonic_ns = sys::monotonic_ns();
    file_->start_ticks = start_ = sys::ticks();
    file_->magic = format::kRingMagic;
    process_ = RingProcess::open(path);
    ASSERT_NE(process_, nullptr);
    writer_ = std::make_unique<RecordingWriter>(folder_ + "/out", "{}");
    usleep(5000);  // so that ticks have a rate, and there are some that have passed
  }
  void TearDown() override {
    munmap(file_, format::kRingFileBytes);
    std::filesystem::remove_all(folder_);
  }
  format::Ring& ring(unsigned index) {
    return reinterpret_cast<format::Ring*>(reinterpret_cast<char*>(file_) + format::kRingsAt)[index];
  }
  void add(unsigned index, std::uint64_t word) {
    auto* words = reinterpret_cast<std::uint64_t*>(reinterpret_cast<char*>(file_) + format::kWordsAt);
    const std::uint64_t at = ring(index).written.load();
    words[std::uint64_t{index} * format::kRingWords + at % format::kRingWords] = word;
    ring(index).written.store(at + 1);
  }
  void tick(unsigned index, std::uint64_t ticks) { add(index, format::word_of(WordKind::kTick, ticks)); }
  void allocate(unsigned index, std::uint64_t address) {
    add(index, std::uint64_t{8} << format::kWordSizeShift | address |
                   static_cast<std::uint64_t>(WordKind::kAllocate));
  }
  std::vector<RecordedEvent> recorded() {
    process_->drain(*writer_, true);
    writer_->finish("{}");
    RecordingReader reader(folder_ + "/out");
    std::vector<RecordedEvent> events;
    for (RecordedEvent event; reader.next(event);) events.push_back(event);
    return events;
  }

  std::string folder_;
  format::RingFile* file_ = nullptr;
  std::uint64_t start_ = 0;
  std::unique_ptr<RingProcess> process_;
  std::unique_ptr<RecordingWriter> writer_;
};

TEST_F(Rings, AreMergedByTicks) {
  // More than is taken at once.
  constexpr std::uint64_t kEach = 1000;
  for (std::uint64_t i = 0; i < kEach; ++i) {
    for (unsigned n = 0; n < 3; ++n) {
      tick(n, start_ + 1 + (n == 2 ? i : 2 * i));
      allocate(n, 16 * (1 + 3 * i + n));
    }
  }
  process_->drain(*writer_, false);
  EXPECT_EQ(writer_->events(), 3 * kEach);
  const auto events = recorded();
  ASSERT_EQ(events.size(), 3 * kEach);
  std::uint64_t before = 0;
  std::uint64_t next[3] = {};
  for (const RecordedEvent& event : events) {
    const std::uint64_t number = event.address / 16 - 1;
    EXPECT_EQ(number / 3, next[number % 3]++);
    const std::uint64_t tick = (number % 3 == 2 ? 1 : 2) * (number / 3);
    EXPECT_GE(tick, before);
    before = tick;
  }
}

// Events that were told while rings were looked into wait: another ring may have some before them.
TEST_F(Rings, WhatIsBehindTheHorizonWaits) {
  const std::uint64_t later = sys::ticks() + 2'000'000'000;
  tick(0, later);
  allocate(0, 0x1000);
  tick(1, start_ + 1);
  allocate(1, 0x2000);
  process_->drain(*writer_, false);
  EXPECT_EQ(writer_->events(), 1u);
  tick(1, start_ + 2);
  allocate(1, 0x3000);
  const auto events = recorded();
  ASSERT_EQ(events.size(), 3u);
  EXPECT_EQ(events[0].address, 0x2000u);
  EXPECT_EQ(events[1].address, 0x3000u);
  EXPECT_EQ(events[2].address, 0x1000u);
}

// A ring with nonsense in it must not be waited for: the program would wait for the tool for ever.
TEST_F(Rings, NonsenseIsTaken) {
  tick(1, start_ + 1);
  allocate(1, 0x1000);
  for (std::uint64_t i = 0; i < format::kRingWords / 2; ++i) {
    tick(0, ~std::uint64_t{0} >> format::kWordKindBits);
    allocate(0, 0x2000);
  }
  process_->drain(*writer_, false);
  usleep(1000);
  process_->drain(*writer_, false);
  EXPECT_EQ(ring(0).read.load(), ring(0).written.load());
  ring(0).written.store(std::uint64_t{1} << 60);
  process_->drain(*writer_, false);
  EXPECT_EQ(ring(0).read.load(), std::uint64_t{1} << 60);
  EXPECT_EQ(recorded().size(), 1 + format::kRingWords / 2);
}

TEST_F(Rings, TimesOfALoneOneAreSpread) {
  for (std::uint64_t run = 0; run < 4; ++run) {
    tick(0, start_ + 1 + run * 1'000'000);
    for (std::uint64_t i = 0; i < format::kStampWords; ++i) allocate(0, 16 * (1 + run * 100 + i));
  }
  const auto events = recorded();
  ASSERT_EQ(events.size(), 4 * format::kStampWords);
  constexpr std::size_t kLast = 3 * format::kStampWords;
  for (std::size_t i = 1; i < kLast; ++i) {
    const std::uint64_t apart = events[i].time - events[i - 1].time;
    EXPECT_NEAR(static_cast<double>(apart), static_cast<double>(events[kLast].time) / kLast, 2000) << i;
  }
  EXPECT_GT(events[kLast].time, 100'000u);
}

}  // namespace
}  // namespace loam::tool

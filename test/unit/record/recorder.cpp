#include "record/recorder.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

#include <filesystem>
#include <string>
#include <thread>
#include <vector>

#include "sys/cpu.hpp"

namespace loam::record {
namespace {

using format::Event;
using format::EventKind;

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
  const Event& event(unsigned index, uint64_t number) {
    return reinterpret_cast<Event*>(
        reinterpret_cast<char*>(file_) +
        format::kEventsAt)[uint64_t{index} * format::kRingEvents + number % format::kRingEvents];
  }
  static Event allocation(uint64_t address) {
    return {sys::ticks_after(), address, 100, 0, EventKind::kAllocate, 0, 4, 0};
  }

  std::string folder_;
  std::string path_;
  format::RingFile* file_ = nullptr;
};

TEST_F(Recorder, WritesWhatItIsTold) {
  EXPECT_EQ(file_->magic, format::kRingMagic);
  EXPECT_EQ(file_->pid, static_cast<uint32_t>(getpid()));
  EXPECT_EQ(file_->forked_from, 17u);
  Writer writer = {};
  for (uint64_t i = 1; i <= 10; ++i) put(&writer, 4711, allocation(i * 16));
  ASSERT_EQ(ring(0).written.load(), 11u);
  EXPECT_EQ(event(0, 0).kind, EventKind::kThread);
  EXPECT_EQ(event(0, 0).address, 4711u);
  for (uint64_t i = 1; i <= 10; ++i) {
    EXPECT_EQ(event(0, i).address, i * 16);
    EXPECT_GE(event(0, i).tick, event(0, i - 1).tick);
  }
  put(&writer, 4712, allocation(16));  // another thread has taken over the heap
  EXPECT_EQ(event(0, 11).kind, EventKind::kThread);
  EXPECT_EQ(event(0, 11).address, 4712u);
}

TEST_F(Recorder, EachThreadHasARingAndWhoHasNoneSharesOne) {
  std::vector<std::thread> threads;
  for (unsigned t = 0; t < 8; ++t) {
    threads.emplace_back([t] {
      Writer writer = {};
      for (uint64_t i = 0; i < 1000; ++i) put(t < 4 ? &writer : nullptr, t + 1, allocation(i));
    });
  }
  for (auto& thread : threads) thread.join();
  uint64_t own = 0;
  for (unsigned i = 0; i < 4; ++i) own += ring(i).written.load();
  EXPECT_EQ(own, 4 * 1001u);
  uint64_t shared = 0;
  for (uint64_t i = 0; i < ring(format::kRings - 1).written.load(); ++i)
    shared += event(format::kRings - 1, i).kind == EventKind::kAllocate ? 1u : 0u;
  EXPECT_EQ(shared, 4000u);
  EXPECT_EQ(file_->dropped.load(), 0u);
}

// A signal handler that interrupts a put() is not written into the same place.
TEST_F(Recorder, AnInterruptedWriterIsLeftAlone) {
  Writer writer = {};
  put(&writer, 1, allocation(16));
  writer.busy = true;
  put(&writer, 1, allocation(32));
  writer.busy = false;
  EXPECT_EQ(ring(0).written.load(), 2u);
  EXPECT_EQ(event(format::kRings - 1, 1).address, 32u);
}

TEST_F(Recorder, MoreThreadsThanRings) {
  std::vector<Writer> writers(format::kRings + 5);
  for (uint32_t i = 0; i < writers.size(); ++i) put(&writers[i], i + 1, allocation(i * 16));
  EXPECT_EQ(ring(format::kRings - 2).written.load(), 2u);
  EXPECT_EQ(ring(format::kRings - 1).written.load(), 2u * 6);
}

TEST_F(Recorder, WaitsForAReaderThatIsAlive) {
  Writer writer = {};
  std::thread reader([this] {
    for (uint64_t taken = 0; taken < 3 * format::kRingEvents + 1;) {
      file_->reader_beat_ns.store(1);  // never fresh: what is taken counts
      taken = ring(0).written.load(std::memory_order_acquire);
      ring(0).read.store(taken, std::memory_order_release);
      usleep(1000);
    }
  });
  for (uint64_t i = 0; i < 3 * format::kRingEvents; ++i) put(&writer, 1, allocation(i));
  reader.join();
  EXPECT_EQ(file_->state.load(), format::RingState::kRecording);
  EXPECT_EQ(file_->dropped.load(), 0u);
}

TEST_F(Recorder, CutsWhenNobodyReads) {
  Writer writer = {};
  for (uint64_t i = 0; i < format::kRingEvents + 10; ++i) put(&writer, 1, allocation(i));
  EXPECT_EQ(file_->state.load(), format::RingState::kCut);
  EXPECT_GT(file_->cut_ticks.load(), file_->start_ticks);
  EXPECT_EQ(ring(0).written.load(), uint64_t{format::kRingEvents});
  EXPECT_EQ(file_->dropped.load(), 11u);  // the first place is the thread's name
}

TEST_F(Recorder, AnotherFileForAChild) {
  Writer writer = {};
  put(&writer, 1, allocation(16));
  ASSERT_TRUE(open(folder_.c_str(), false, 99));
  put(&writer, 1, allocation(32));
  EXPECT_EQ(ring(0).written.load(), 2u);
  EXPECT_FALSE(with_stacks());
  EXPECT_TRUE(std::filesystem::exists(path_.substr(0, path_.size() - 1) + "1"));
}

}  // namespace
}  // namespace loam::record

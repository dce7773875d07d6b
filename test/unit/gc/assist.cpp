// Marking with threads that come for a moment and go: on threads that libc knows, without a collection.
#include "lib/gc/assist.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <thread>

#include "lib/gc/helper.hpp"
#include "lib/gc/sweep.hpp"
#include "unit/gc/collected.hpp"

namespace loam::collector {
namespace {

std::atomic<uint64_t> asked{0};
std::atomic<uint64_t> helped{0};
std::atomic<bool> forbidden{false};
uint64_t told = 0;

// Every few objects, so that each leaves something half done.
bool enough(uint64_t visits) { return asked.fetch_add(1) % visits == visits - 1 || forbidden.load(); }

bool go_on(uint64_t objects) {
  told = objects;
  // Others are to come even where this thread would be done before they begin.
  if (helped.load() < 100) std::this_thread::yield();
  return true;
}

class GcAssist : public testing::Test {
 protected:
  void SetUp() override {
    ASSERT_TRUE(start());
    ++heap.settings.disabled;
    nodes_ = make_linked();
    heap.lock.lock();
    asked = helped = 0;
    forbidden = false;
  }
  void TearDown() override {
    close_all();
    heap.lock.unlock();
    --heap.settings.disabled;
    wipe_stack();
  }
  std::vector<uint64_t> nodes_;

  // Helps over and over until told that all is done.
  static std::thread helper(std::atomic<bool>& done) {
    return std::thread([&done] {
      while (!done.load()) {
        if (assist.help(5, enough)) helped.fetch_add(1);
      }
    });
  }
};

TEST_F(GcAssist, EachObjectIsTakenOnceWhoeverComesAndGoes) {
  static constinit Marker marker;
  open_all(false);
  ASSERT_TRUE(marker.prepare());
  for (uint64_t i = 0; i < 10; ++i) marker.add_word(nodes_[i]);
  std::atomic<bool> done{false};
  std::thread one = helper(done);
  std::thread other = helper(done);
  EXPECT_TRUE(assist.drain(marker, go_on));
  const uint64_t after = helped.load();
  EXPECT_FALSE(assist.help(1000, enough)) << "nothing is to be marked any more";
  done = true;
  one.join();
  other.join();
  EXPECT_EQ(helped.load(), after);
  uint64_t reached = 0;
  for (const uint64_t node : nodes_) reached += space.is_open(space.find(node)) ? 0u : 1u;
  EXPECT_EQ(marker.objects(), reached);
  EXPECT_GT(reached, kNodes / 10 * 9);
  EXPECT_GT(after, 0u) << "somebody helped";
  EXPECT_LE(told, reached);
}

TEST_F(GcAssist, PartsOfLargeObjectsAreSharedToo) {
  static constinit Marker marker;
  constexpr uint64_t kLarge = 6;
  constexpr uint64_t kEach = kNodes / kLarge;
  std::vector<uint64_t> large(kLarge);
  heap.lock.unlock();
  elsewhere([&] {
    for (uint64_t i = 0; i < kLarge; ++i) {
      auto* const all = static_cast<uint64_t*>(allocate(Kind::kNormal, kEach * sizeof(uint64_t)));
      for (uint64_t j = 0; j < kEach; ++j) all[j] = nodes_[i * kEach + j];
      large[i] = reinterpret_cast<uint64_t>(all);
    }
  });
  heap.lock.lock();
  open_all(false);
  ASSERT_TRUE(marker.prepare());
  for (const uint64_t object : large) marker.add_word(object);
  std::atomic<bool> done{false};
  std::thread other = helper(done);
  EXPECT_TRUE(assist.drain(marker, go_on));
  done = true;
  other.join();
  EXPECT_EQ(marker.objects(), kNodes + kLarge);
}

// As before a fork.
TEST_F(GcAssist, NobodyMarksOnceAllAreToldToStand) {
  static constinit Marker marker;
  open_all(false);
  ASSERT_TRUE(marker.prepare());
  for (uint64_t i = 0; i < 10; ++i) marker.add_word(nodes_[i]);
  std::atomic<bool> done{false};
  std::thread other = helper(done);
  bool stood = true;
  static std::atomic<bool>* stands = nullptr;
  static std::atomic<bool> told_once{false};
  std::atomic<bool> first{false};
  stands = &first;
  EXPECT_TRUE(assist.drain(marker, [](uint64_t) {
    if (helped.load() > 20 && !told_once.exchange(true)) {
      forbidden = true;
      assist.wait_until_left();
      const uint64_t objects = second_marker().objects();
      for (int i = 0; i < 1000; ++i) std::this_thread::yield();
      stands->store(second_marker().objects() == objects);
      forbidden = false;
    }
    return true;
  }));
  done = true;
  other.join();
  if (told_once) stood = first;
  EXPECT_TRUE(stood);
}

}  // namespace
}  // namespace loam::collector

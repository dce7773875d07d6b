#include "lib/gc/thread.hpp"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <thread>
#include <vector>

#include "unit/gc/collected.hpp"

namespace loam::collector {
namespace {

struct ThreadNode {
  ThreadNode* next;
  uint64_t number;
};

// Builds lists that only its own stack leads to, and looks at them again.
void churn(uint64_t rounds, std::atomic<uint64_t>* faults) {
  for (uint64_t round = 0; round < rounds; ++round) {
    ThreadNode* list = nullptr;
    for (uint64_t i = 0; i < 2000; ++i) {
      auto* node = static_cast<ThreadNode*>(allocate(Kind::kNormal, sizeof(ThreadNode)));
      if (node->next != nullptr || node->number != 0) ++*faults;
      *node = {list, i};
      list = node;
    }
    uint64_t number = 2000;
    for (const ThreadNode* node = list; node != nullptr; node = node->next)
      *faults += node->number != --number;
  }
}

TEST(GcThreads, EachKeepsItsOwn) {
  std::atomic<uint64_t> faults{0};
  for (int round = 0; round < 3; ++round) {
    std::vector<std::thread> all;
    for (int i = 0; i < 4; ++i) all.emplace_back(churn, 60, &faults);
    for (int i = 0; i < 10; ++i) collect_now();
    for (std::thread& thread : all) thread.join();
  }
  EXPECT_EQ(faults, 0u);
}

TEST(GcThreads, AThreadThatDoesNotUseTheHeapHoldsObjectsToo) {
  std::atomic<int> stage{0};
  static std::atomic<ThreadNode*> handed{nullptr};
  std::atomic<uint64_t> seen{0};
  std::thread stranger([&] {
    while (stage.load() == 0) std::this_thread::yield();
    ThreadNode* volatile held = handed.exchange(nullptr);
    stage = 2;
    while (stage.load() == 2) std::this_thread::yield();
    seen = held->number;
  });
  auto* node = static_cast<ThreadNode*>(allocate(Kind::kNormal, sizeof(ThreadNode)));
  node->number = 77;
  handed = node;
  node = nullptr;
  stage = 1;
  while (stage.load() != 2) std::this_thread::yield();
  collect_now();
  for (int i = 0; i < 100000; ++i)
    static_cast<ThreadNode*>(allocate(Kind::kNormal, sizeof(ThreadNode)))->number = 1;
  stage = 3;
  stranger.join();
  EXPECT_EQ(seen, 77u);
}

TEST(GcThreads, AChildCollectsOnItsOwn) {
  std::atomic<bool> go_on{true};
  std::atomic<uint64_t> faults{0};
  std::thread other([&] {
    while (go_on.load()) churn(1, &faults);
  });
  for (int i = 0; i < 5; ++i) {
    const pid_t child = fork();
    if (child == 0) {
      std::atomic<uint64_t> own_faults{0};
      churn(50, &own_faults);
      collect_now();
      _exit(own_faults == 0 ? 0 : 1);
    }
    int status = -1;
    ASSERT_EQ(waitpid(child, &status, 0), child);
    EXPECT_EQ(status, 0);
  }
  go_on = false;
  other.join();
  EXPECT_EQ(faults, 0u);
}

}  // namespace
}  // namespace loam::collector

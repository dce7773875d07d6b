#include "heap/registry.hpp"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <thread>
#include <vector>

#include "support/heap.hpp"
#include "sys/kernel.hpp"

namespace loam::heap {
namespace {

TEST(Registry, AHeapWaitsForTheNextThread) {
  test::open_heap();
  ThreadHeap* first = attach_heap();
  ASSERT_NE(first, nullptr);
  EXPECT_EQ(first->thread, sys::thread_id());
  EXPECT_EQ(first->state, HeapState::kAttached);
  orphan_heap(*first);
  EXPECT_EQ(first->state, HeapState::kOrphan);
  const uint32_t heaps = heap_count();
  EXPECT_EQ(attach_heap(), first);
  ThreadHeap* second = attach_heap();
  EXPECT_NE(second, first);
  EXPECT_LE(heap_count(), heaps + 1);
  orphan_heap(*first);
  orphan_heap(*second);
}

TEST(Registry, AThreadGetsTheHeapThatItsBlockCameFrom) {
  test::HeapUser user;
  ThreadHeap* first = nullptr;
  void* block = nullptr;
  ThreadHeap* second = attach_heap();
  std::thread([&] {
    test::HeapUser other;
    first = &other.heap();
    block = other.allocate(100);
  }).join();
  ASSERT_EQ(first->state, HeapState::kOrphan);
  orphan_heap(*second);
  for (const bool last : {false, true}) {  // wherever it stands in the list
    EXPECT_EQ(attach_heap(block), first);
    EXPECT_EQ(attach_heap(block), second);  // the block's own is taken
    orphan_heap(last ? *second : *first);
    orphan_heap(last ? *first : *second);
  }
  EXPECT_TRUE(user.release(block));
}

TEST(Registry, ABlockThatNoOrphanHasChangesNothing) {
  test::HeapUser user;
  void* small = user.allocate(100);
  void* large = user.allocate(1 << 20);
  int local = 0;
  for (const void* brought :
       {static_cast<const void*>(small), static_cast<const void*>(large), static_cast<const void*>(&local)}) {
    ThreadHeap* heap = attach_heap(brought);
    EXPECT_NE(heap, nullptr);
    EXPECT_NE(heap, &user.heap());
    orphan_heap(*heap);
  }
  EXPECT_TRUE(user.release(small));
  EXPECT_TRUE(user.release(large));
}

TEST(Registry, ListsEveryHeap) {
  test::HeapUser user;
  unsigned found = 0;
  uint32_t count = 0;
  for (const ThreadHeap* heap = first_heap(); heap != nullptr; heap = heap->next_heap, ++count)
    found += heap == &user.heap() ? 1u : 0u;
  EXPECT_EQ(found, 1u);
  EXPECT_EQ(count, heap_count());
}

TEST(Registry, BorrowsOnlyOrphansThatHaveSomething) {
  test::HeapUser user;
  const unsigned index = class_of(1008);
  trim_orphans();
  EXPECT_EQ(borrow_orphan(index), nullptr);
  std::thread thread([] {
    test::HeapUser other;
    other.release(other.allocate(1008));
  });
  thread.join();
  ThreadHeap* orphan = borrow_orphan(index);
  ASSERT_NE(orphan, nullptr);
  EXPECT_EQ(orphan->state, HeapState::kBorrowed);
  EXPECT_EQ(borrow_orphan(index), nullptr);
  return_orphan(*orphan);
  EXPECT_EQ(orphan->state, HeapState::kOrphan);
  trim_orphans();
  EXPECT_EQ(borrow_orphan(index), nullptr);
}

TEST(Registry, ThreadsOneAfterTheOtherShareOneHeap) {
  test::HeapUser user;
  const uint32_t threads = threads_seen();
  std::thread([] { test::HeapUser other; }).join();
  const uint32_t heaps = heap_count();
  for (int i = 0; i < 50; ++i) {
    std::thread([] {
      test::HeapUser other;
      for (int k = 0; k < 100; ++k) other.release(other.allocate(16));
    }).join();
  }
  EXPECT_EQ(heap_count(), heaps);
  EXPECT_EQ(threads_seen(), threads + 51);
}

// A thread that ended in a signal handler over the slow path leaves a heap whose lists may be half changed.
TEST(Registry, AHeapLeftInItsSlowPathIsNeverUsedAgain) {
  test::open_heap();
  ThreadHeap* left = attach_heap();
  ASSERT_NE(left, nullptr);
  left->busy = true;
  orphan_heap(*left);
  std::vector<ThreadHeap*> taken;
  const uint32_t known = heap_count();
  for (uint32_t i = 0; i < known; ++i) taken.push_back(attach_heap());
  for (ThreadHeap* heap : taken) {
    EXPECT_NE(heap, left);
    orphan_heap(*heap);
  }
  trim_orphans();
  EXPECT_TRUE(left->busy);
}

TEST(Registry, AttachInsideItsOwnLock) {
  test::open_heap();
  registry_lock().lock();
  EXPECT_EQ(attach_heap(), nullptr);
  registry_lock().unlock();
}

TEST(Registry, OutOfMemory) {
  test::open_heap();
  // One arena chunk holds many heaps: attach until the arena needs another.
  std::vector<ThreadHeap*> heaps;
  sys::fail_call(1, true);
  while (heaps.size() < 1000) {
    ThreadHeap* heap = attach_heap();
    if (heap == nullptr) break;
    heaps.push_back(heap);
  }
  EXPECT_LT(heaps.size(), 1000u);
  sys::fail_call(0, false);
  ThreadHeap* heap = attach_heap();
  EXPECT_NE(heap, nullptr);
  heaps.push_back(heap);
  for (ThreadHeap* each : heaps) orphan_heap(*each);
}

// In a child, as after a fork: other threads' heaps are orphans, one that was busy is left alone.
TEST(Registry, OrphansOthersAfterAFork) {
  test::HeapUser user;
  ThreadHeap* other = attach_heap();
  ThreadHeap* busy = attach_heap();
  const pid_t child = fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    busy->busy = true;
    orphan_others(&user.heap());
    const bool right = user.heap().state == HeapState::kAttached && other->state == HeapState::kOrphan &&
                       busy->state == HeapState::kBorrowed;
    std::vector<ThreadHeap*> taken;
    const uint32_t known = heap_count();
    for (uint32_t i = 0; i < known; ++i) taken.push_back(attach_heap());
    bool met = false;
    for (const ThreadHeap* heap : taken) {
      if (heap == busy || heap == &user.heap()) _exit(2);
      met = met || heap == other;
    }
    _exit(right && met ? 0 : 1);
  }
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
  orphan_heap(*other);
  orphan_heap(*busy);
}

}  // namespace
}  // namespace loam::heap

#include "heap/registry.hpp"

#include "heap/refill.hpp"
#include "heap/remote.hpp"
#include "meta/arena.hpp"
#include "sys/kernel.hpp"

namespace loam::heap {

namespace {

constinit Entry no_entry{};

constexpr FastHeap make_null_heap() {
  FastHeap heap{};
  for (Stack& stack : heap.stacks) stack = {&no_entry, &no_entry};
  return heap;
}

struct Registry {
  sys::RankedLock<sys::LockRank::kRegistry> lock;
  std::atomic<ThreadHeap*> heaps{nullptr};
  ThreadHeap* orphans = nullptr;
  std::atomic<uint32_t> orphan_count{0};
  std::atomic<uint32_t> heap_count{0};
  std::atomic<uint32_t> threads{0};
};

constinit Registry registry;

// A thread's start stays short however many threads have ended.
constexpr int kOrphansLookedAt = 64;

ThreadHeap* make_heap() {
  auto* heap = static_cast<ThreadHeap*>(meta::arena.allocate(sizeof(ThreadHeap)));
  if (heap == nullptr) return nullptr;
  heap->stacks[0] = {&no_entry, &no_entry};
  for (unsigned i = 0; i < kClasses; ++i) {
    Entry* bottom = &heap->entries[kSizeClasses[i].entry];
    heap->stack(i) = {bottom, bottom + kSizeClasses[i].shallow};  // until something of the class is allocated
  }
  heap->id = registry.heap_count.fetch_add(1, std::memory_order_relaxed);
  heap->next_heap = registry.heaps.load(std::memory_order_relaxed);
  registry.heaps.store(heap, std::memory_order_release);
  return heap;
}

bool borrow(ThreadHeap& heap) {
  HeapState orphan = HeapState::kOrphan;
  return heap.state.compare_exchange_strong(orphan, HeapState::kBorrowed, std::memory_order_acquire);
}

// Takes the orphan at `link` off the list, borrowed; null when it is none or somebody has it borrowed.
ThreadHeap* take_at(ThreadHeap** link) {
  ThreadHeap* heap = *link;
  if (heap == nullptr || !borrow(*heap)) return nullptr;
  *link = heap->next_orphan;
  registry.orphan_count.fetch_sub(1, std::memory_order_relaxed);
  return heap;
}

ThreadHeap* take_orphan() {
  ThreadHeap** link = &registry.orphans;
  while (*link != nullptr) {
    if (ThreadHeap* heap = take_at(link)) return heap;
    link = &(*link)->next_orphan;
  }
  return nullptr;
}

ThreadHeap* take_orphan_of(const void* block) {
  const Span* span = block == nullptr ? nullptr : page_map.find(block);
  if (span == nullptr || span->kind != SpanKind::kSmall) return nullptr;
  const FastHeap* owner = sys::peek(span->owner);
  ThreadHeap** link = &registry.orphans;
  for (int looked = 0; *link != nullptr && looked < kOrphansLookedAt; ++looked, link = &(*link)->next_orphan)
    if (*link == owner) return take_at(link);
  return nullptr;
}

}  // namespace

constinit FastHeap null_heap = make_null_heap();
thread_local constinit FastHeap* fast_heap = &null_heap;

ThreadHeap* attach_heap(const void* brought) {
  if (registry.lock.held_by_me()) return nullptr;
  sys::LockGuard guard(registry.lock);
  registry.threads.fetch_add(1, std::memory_order_relaxed);
  ThreadHeap* heap = take_orphan_of(brought);
  if (heap == nullptr) heap = take_orphan();
  if (heap == nullptr) heap = make_heap();
  if (heap == nullptr) return nullptr;
  heap->thread = sys::thread_id();
  heap->state.store(HeapState::kAttached, std::memory_order_relaxed);
  return heap;
}

void orphan_heap(ThreadHeap& heap) {
  if (heap.busy) {
    heap.state.store(HeapState::kBorrowed, std::memory_order_relaxed);
    return;
  }
  {
    BusyMark mark(heap);
    post_all(heap);
    drain(heap);
  }
  heap.thread = 0;
  sys::LockGuard guard(registry.lock);
  heap.next_orphan = registry.orphans;
  registry.orphans = &heap;
  registry.orphan_count.fetch_add(1, std::memory_order_relaxed);
  heap.state.store(HeapState::kOrphan, std::memory_order_release);
}

ThreadHeap* borrow_orphan(unsigned class_index) {
  if (registry.orphan_count.load(std::memory_order_relaxed) == 0 || !registry.lock.try_lock()) return nullptr;
  ThreadHeap* heap = registry.orphans;
  for (; heap != nullptr; heap = heap->next_orphan) {
    const ClassState& state = heap->classes[class_index];
    // A guess before it is borrowed: whoever has it borrowed just now may change its lists.
    const bool has = __atomic_load_n(&state.available, __ATOMIC_RELAXED) != nullptr ||
                     __atomic_load_n(&state.current, __ATOMIC_RELAXED) != nullptr || !heap->inbox.empty();
    if (has && borrow(*heap)) break;
  }
  registry.lock.unlock();
  return heap;
}

void return_orphan(ThreadHeap& heap) { heap.state.store(HeapState::kOrphan, std::memory_order_release); }

void drain_orphan(ThreadHeap& heap) {
  if (!borrow(heap)) return;
  drain(heap);
  return_orphan(heap);
}

void trim_orphans() {
  if (registry.orphan_count.load(std::memory_order_relaxed) == 0) return;
  for (ThreadHeap* heap = first_heap(); heap != nullptr; heap = heap->next_heap) {
    if (!borrow(*heap)) continue;
    trim(*heap);
    return_orphan(*heap);
  }
}

void orphan_others(const ThreadHeap* mine) {
  registry.orphans = nullptr;
  uint32_t orphans = 0;
  for (ThreadHeap* heap = first_heap(); heap != nullptr; heap = heap->next_heap) {
    if (heap == mine) continue;
    const bool halfway = heap->busy || heap->state.load(std::memory_order_relaxed) == HeapState::kBorrowed;
    heap->state.store(halfway ? HeapState::kBorrowed : HeapState::kOrphan, std::memory_order_relaxed);
    if (halfway) continue;
    heap->next_orphan = registry.orphans;
    registry.orphans = heap;
    ++orphans;
  }
  registry.orphan_count.store(orphans, std::memory_order_relaxed);
}

ThreadHeap* first_heap() { return registry.heaps.load(std::memory_order_acquire); }
uint32_t heap_count() { return registry.heap_count.load(std::memory_order_relaxed); }
uint32_t threads_seen() { return registry.threads.load(std::memory_order_relaxed); }
sys::Lock& registry_lock() { return registry.lock; }

}  // namespace loam::heap

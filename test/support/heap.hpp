// A thread's use of the heap as a library, without the runtime above it: what malloc and free do, with a false instead
// of an abort where the runtime would end the process. Faults that the heap raises by itself are counted.
// Locking: a HeapUser belongs to the thread that made it; the heap itself is the process's only one.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdio>
#include <cstdlib>

#include "base/bits.hpp"
#include "heap/fast_path.hpp"
#include "heap/fault.hpp"
#include "heap/find.hpp"
#include "heap/large.hpp"
#include "heap/outside.hpp"
#include "heap/refill.hpp"
#include "heap/regions.hpp"
#include "heap/registry.hpp"
#include "heap/remote.hpp"
#include "heap/walk.hpp"

namespace loam::test {

inline std::atomic<unsigned> fault_count{0};
inline heap::Fault last_fault{};

inline void remember_fault(const heap::Fault& fault) {
  last_fault = fault;
  fault_count.fetch_add(1);
}

// Opens the process's heap at the first call; later ones change nothing.
inline void open_heap(sys::SourceKind source = sys::SourceKind::kMap, const char* path = "") {
  static const bool kOpened = [&] {
    heap::fault_handler = remember_fault;
    return heap::regions.open(source, path, true);
  }();
  if (!kOpened) {
    std::fprintf(stderr, "the heap cannot be opened\n");
    std::abort();
  }
}

class HeapUser {
 public:
  HeapUser() : heap_((open_heap(), heap::attach_heap())) {
    if (heap_ == nullptr) std::abort();
    heap_->shown = heap_;
    heap::fast_heap = heap_;
  }
  ~HeapUser() {
    heap::fast_heap = &heap::null_heap;
    heap::orphan_heap(*heap_);
  }
  HeapUser(const HeapUser&) = delete;
  HeapUser& operator=(const HeapUser&) = delete;

  heap::ThreadHeap& heap() { return *heap_; }

  // `zero` tells whether the heap promises zero bytes; small blocks never.
  void* allocate(size_t size, size_t alignment = heap::kGranule, bool* zero = nullptr) {
    if (zero != nullptr) *zero = false;
    if (size > heap::kMaxSmall || alignment > heap::kGranule)
      return heap::allocate_large(size, alignment < meta::kSlice ? meta::kSlice : alignment, zero);
    const unsigned index = heap::class_of(size == 0 ? 1 : size);
    const auto slow = [&] { return heap::allocate_small(*heap_, index); };
    if (size <= heap::kMaxDirect) return heap::pop_direct(size, slow);
    return slow();
  }

  // Returns false, with nothing changed, for what is no live block.
  bool release(void* block) {
    switch (heap::put_back(heap::fast_heap, block)) {
      case heap::Released::kAttend:
        heap::attend(*heap_);
        return true;
      case heap::Released::kDone:
        return true;
      case heap::Released::kSlow:
        break;
    }
    heap::Span* span = heap::page_map.find(block);
    if (span == nullptr) return heap::release_outside(block);
    if (span->kind == heap::SpanKind::kLarge) return heap::release_large(*span, block);
    if (span->kind != heap::SpanKind::kSmall || sys::peek(span->owner) == nullptr) return false;
    return heap::is_busy(*heap_) ? heap::send_stray(*span, block) : heap::take(*heap_, *span, block);
  }

 private:
  heap::ThreadHeap* heap_;
};

}  // namespace loam::test

// malloc and free where they are fast. The whole way of a small block:
//
//   allocate(size)                     fast_path.hpp
//   ├─ pop(bin)                        a set bit of the class's current word: done
//   └─ allocate_slow                   runtime: attaches the thread, asks the mode, sorts large from small
//      └─ allocate_small               refill.cpp
//         ├─ pop(bin)
//         └─ refill                    the next word of the span │ a span with free blocks │ a new span
//            └─ acquire → Regions::claim → Regions::grow → the kernel
//
//   release(block)                     fast_path.hpp
//   ├─ put_back                        own block: its bit is set, done
//   ├─ attend                          refill.cpp: once in so many frees of a span: heartbeat, empty spans
//   └─ release_slow                    runtime
//      ├─ send                         another thread's block: into a parcel
//      ├─ release_large                one block, one span
//      └─ fault                        double, interior, foreign: says what and aborts
//
// Requires of both: nothing. Async-signal-safe up to the slow paths, and those see `busy`.
#pragma once

#include "heap/span.hpp"
#include "heap/thread_heap.hpp"
#include "sys/cpu.hpp"

namespace loam::heap {

// Takes the lowest free block of a word of Span::open, or else returns what `otherwise` does: if the word has at most one
// bit (one branch for both; the last one is the slow path's, see pop_any), or if a signal handler took it in between.
// `otherwise` must be a tail call, or the compiler saves registers for it on the way of all others.
template <class Otherwise>
inline void* pop_or(uint64_t* word, size_t block_size, Otherwise otherwise) {
  uint64_t seen = *const_cast<volatile uint64_t*>(word);
  const uint64_t rest = seen & (seen - 1);
  if (rest == 0 || !sys::replace(word, seen, rest)) [[unlikely]]
    return otherwise();
  return reinterpret_cast<void*>(word[kMaxWords] + sys::lowest_bit(seen) * block_size);
}

// Requires: size <= kMaxDirect. Of size 0 the bin is always empty.
template <class Otherwise>
inline void* pop_direct(size_t size, Otherwise otherwise) {
  static_assert(sizeof(Bin) == kGranule);
  const uint64_t rounded = base::align_up(size, kGranule);  // the block's size, and the offset of its bin
  const auto* bin = reinterpret_cast<const Bin*>(reinterpret_cast<const char*>(fast_heap->bins) + rounded);
  return pop_or(bin->word, rounded, otherwise);
}

// Takes the lowest free block of the word, the last one too, or returns null.
inline void* pop_any(uint64_t* word, size_t block_size) {
  uint64_t seen = *const_cast<volatile uint64_t*>(word);
  while (seen != 0) {
    if (sys::replace(word, seen, seen & (seen - 1)))
      return reinterpret_cast<void*>(word[kMaxWords] + sys::lowest_bit(seen) * block_size);
  }
  return nullptr;
}

// Which of a word's free blocks to open: those handed out before, whose pages are resident; failing those about a page of
// new ones (of a class that grows, the whole word).
inline uint64_t choose_opened(Span& span, unsigned word, uint64_t free_blocks, uint64_t opening) {
  const unsigned first = word * 64;
  const unsigned touched = span.touched > first ? span.touched - first : 0;
  const uint64_t again = free_blocks & base::low_bits(touched);
  if (again != 0) return again;
  const uint64_t opened = free_blocks & (opening << sys::lowest_bit(free_blocks));
  span.touched = static_cast<uint16_t>(first + base::highest_bit(opened) + 1);
  return opened;
}

// Moves the bin to the word that was freed to last, and takes a block there; null if that has none. In steps that a
// signal handler may come between: bits that are in neither word meanwhile count as live.
inline void* pop_recent(Bin& bin, const SizeClass& shape) {
  uint64_t* freed = bin.recent;
  if (freed == nullptr) return nullptr;
  bin.recent = nullptr;
  Span* span = page_map.at(page_map.slice_of(reinterpret_cast<void*>(freed[2 * kMaxWords])));
  uint64_t bits = *const_cast<volatile uint64_t*>(freed);
  uint64_t opened;
  do {
    if (bits == 0) return nullptr;
    opened = choose_opened(*span, static_cast<unsigned>(freed - span->freed), bits, shape.opening);
  } while (!sys::replace(freed, bits, bits & ~opened));
  uint64_t* open = freed + kMaxWords;
  sys::set_bits(open, opened & (opened - 1));
  *const_cast<uint64_t* volatile*>(&bin.word) = open;
  return reinterpret_cast<void*>(open[kMaxWords] + sys::lowest_bit(opened) * shape.size);
}

// What the slow path tries first: without attaching, marking or counting anything.
inline void* pop_warm(FastHeap& heap, unsigned class_index) {
  Bin& bin = heap.bin(class_index);
  const SizeClass& shape = kSizeClasses[class_index];
  void* block = pop_any(bin.word, shape.size);
  return block != nullptr ? block : pop_recent(bin, shape);
}

enum class Released : uint8_t { kDone, kAttend, kSlow };

// Puts the block back if it is a live one of this heap. kAttend: done, and its span wants the slow path.
// kSlow: nothing was changed.
inline Released put_back(FastHeap* heap, void* block) {
  const uint64_t slice = page_map.slice_of(block);
  if (!page_map.covers(slice)) [[unlikely]]
    return Released::kSlow;
  Span* span = page_map.at(slice);
  if (sys::peek(span->owner) != heap) [[unlikely]]
    return Released::kSlow;
  const BlockIndex at = block_index(*span, block);
  if (at.rest != 0) [[unlikely]]
    return Released::kSlow;
  const uint64_t bit = sys::single_bit(at.index, at.rest);
  uint64_t* freed = &span->freed[at.index / 64];
  if (sys::any_bits(freed, bit)) [[unlikely]]
    return Released::kSlow;
  if (sys::any_bits(freed + kMaxWords, bit)) [[unlikely]]
    return Released::kSlow;
  sys::set_bits(freed, bit);
  *reinterpret_cast<uint64_t**>(reinterpret_cast<char*>(heap) + span->recent_at) = freed;
  if (--span->budget < 0) [[unlikely]]
    return Released::kAttend;
  return Released::kDone;
}

}  // namespace loam::heap

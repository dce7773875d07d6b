#include "heap/stack.hpp"

#include "heap/fault.hpp"
#include "heap/remote.hpp"
#include "heap/small_span.hpp"

namespace loam::heap {

namespace {

uint64_t used_bits(const Span& span, unsigned word) {
  const unsigned first = word * 64;
  if (first >= span.touched) return 0;
  const unsigned used = span.touched - first;
  return span.available()[word] & base::low_bits(used < 64 ? used : 64);
}

// Moves the lowest `count` bits of a word to the class's stack, downwards from `at`. Returns where the next goes.
Entry* move_to_stack(Span& span, unsigned word, unsigned count, Entry* at) {
  uint64_t bits = span.available()[word];
  for (; count > 0; --count, bits &= bits - 1) {
    const unsigned index = word * 64 + base::lowest_bit(bits);
    *at-- = {block_at(span, index), &span.states[index]};
  }
  span.available()[word] = bits;
  return at;
}

// Moves `count` blocks of the span to the class's empty stack, the lowest on top: those of the words from `word` on.
void move_to_stack(ThreadHeap& heap, Span& span, unsigned word, unsigned count) {
  Stack& stack = heap.stack(span.class_index);
  Entry* at = stack.top + count;
  stack.top = at;
  for (; count > 0; ++word) {
    const unsigned here = base::count_bits(span.available()[word]);
    const unsigned moved = here < count ? here : count;
    at = move_to_stack(span, word, moved, at);
    count -= moved;
  }
  const auto last = static_cast<uint16_t>(at[1].state - span.states);
  if (last >= span.touched) span.touched = static_cast<uint16_t>(last + 1);
}

// Puts blocks that are in no stack at the span's disposal: those of a word that have their bit set.
void make_available(ThreadHeap& heap, Span& span, uint64_t word, uint64_t bits, unsigned count) {
  if (const uint64_t twice = span.available()[word] & bits; twice != 0) [[unlikely]] {
    raise_fault(describe_double(span, block_at(span, word * 64 + base::lowest_bit(twice))));
    return;
  }
  span.available()[word] |= bits;
  span.budget -= static_cast<int32_t>(count);
  if (span.budget < 0) settle(heap, span);
}

// The oldest `count` entries of the class's stack go back to their spans; neighbours of one word together, or each would
// wait for the store of the one before.
void empty_stack(ThreadHeap& heap, unsigned class_index, unsigned count) {
  Entry* bottom = bottom_of(heap, class_index);
  for (unsigned i = 1; i <= count;) {
    Span* span = page_map.at(page_map.slice_of(bottom[i].block));
    if (sys::peek(span->owner) != &heap) {
      send_home(heap, *span, bottom[i++].block);
      continue;
    }
    const auto index = static_cast<uint64_t>(bottom[i].state - span->states);
    // Another span by now: two threads freed the block at once, and the other's came home before.
    if (index >= span->blocks) [[unlikely]] {
      raise_fault(describe_double(*span, bottom[i++].block));
      continue;
    }
    const uint64_t word = index / 64;
    const uint8_t* states = &span->states[word * 64];
    uint64_t bits = 0;
    const unsigned first = i;
    for (; i <= count; ++i) {
      const auto at = static_cast<uint64_t>(bottom[i].state - states);
      if (at >= 64) break;
      bits |= uint64_t{1} << at;
    }
    make_available(heap, *span, word, bits, i - first);
  }
  Stack& stack = heap.stack(class_index);
  stack.top -= count;
  for (Entry* entry = bottom + 1; entry <= stack.top; ++entry) *entry = entry[count];
}

}  // namespace

bool fill_with_used(ThreadHeap& heap, Span& span) {
  const unsigned half = (kSizeClasses[span.class_index].depth + 1u) / 2;
  const auto words = static_cast<unsigned>(base::divide_up(span.touched, 64));
  unsigned first = 0;
  while (first < words && used_bits(span, first) == 0) ++first;
  unsigned count = 0;
  for (unsigned i = first; i < words && count < half; ++i) count += base::count_bits(used_bits(span, i));
  if (count == 0) return false;
  move_to_stack(heap, span, first, count < half ? count : half);
  return true;
}

bool fill_with_fresh(ThreadHeap& heap, Span& span) {
  const SizeClass& shape = kSizeClasses[span.class_index];
  const unsigned half = (shape.depth + 1u) / 2;
  unsigned first = 0;
  while (first < span.words() && span.available()[first] == 0) ++first;
  if (first == span.words()) return false;
  // A class with several spans grows.
  const unsigned count = heap.classes[span.class_index].spans > 1 && half > shape.fresh ? half : shape.fresh;
  const unsigned there = base::count_bits(span.available()[first]);
  move_to_stack(heap, span, first, count < there ? count : there);
  return true;
}

void make_room(ThreadHeap& heap, const Span& span) {
  const unsigned class_index = span.class_index;
  ClassState& state = heap.classes[class_index];
  Stack& stack = heap.stack(class_index);
  Entry* bottom = bottom_of(heap, class_index);
  const auto depth = static_cast<unsigned>(stack.limit - bottom);
  unsigned next = depth;
  if (!state.missed && __atomic_load_n(&span.owner, __ATOMIC_ACQUIRE) != &heap) {
    const unsigned least = kSizeClasses[class_index].shallow;
    next = depth / 2 > least ? depth / 2 : least;
  }
  state.missed = false;
  empty_stack(heap, class_index, depth - next / 2);
  stack.limit = bottom + next;
}

void empty_stack(ThreadHeap& heap, unsigned class_index) {
  const Stack& stack = heap.stack(class_index);
  empty_stack(heap, class_index, static_cast<unsigned>(stack.top - bottom_of(heap, class_index)));
}

void empty_idle_stack(ThreadHeap& heap) {
  heap.next_idle = heap.next_idle + 1 < kClasses ? heap.next_idle + 1 : 0;
  ClassState& state = heap.classes[heap.next_idle];
  Stack& stack = heap.stack(heap.next_idle);
  if (stack.top == state.seen) empty_stack(heap, heap.next_idle);
  state.seen = stack.top;
}

void take_back(ThreadHeap& heap, Span& span, uint64_t index) {
  make_available(heap, span, index / 64, uint64_t{1} << (index % 64), 1);
}

}  // namespace loam::heap

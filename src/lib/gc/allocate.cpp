#include "lib/gc/allocate.hpp"

#include <string.h>

#include "base/bits.hpp"
#include "lib/gc/ahead.hpp"
#include "lib/gc/collect.hpp"
#include "lib/gc/cycle.hpp"
#include "lib/gc/finalize.hpp"
#include "lib/gc/generations.hpp"
#include "lib/gc/heap.hpp"
#include "lib/gc/sweep.hpp"
#include "sys/cpu.hpp"
#include "sys/kernel.hpp"

namespace loam::collector {

namespace {

constexpr uint64_t kRunBytes = 4096;
// From here on the kernel clears more cheaply than we do, and takes the memory back meanwhile.
constexpr uint64_t kPurgeFrom = uint64_t{1} << 20;

// Blocks with room, by kind and size class. The first is taken first.
constinit uint32_t room_first[kKinds][kClasses];
constinit uint32_t room_last[kKinds][kClasses];
// Of the lists as they are; 0 before there are any.
constinit uint8_t lists_number = 0;
// So many blocks are swept for one, and for so long at the most, before a new one is taken: where the bits of a large heap come from RAM, 512 blocks
// took 3 to 6 ms of one operation.
constexpr uint32_t kSweepForOne = 512;
constexpr uint64_t kSweepForOneNs = 200'000;
// Of the objects of a block at most this part may be live, or faults are cheaper than reading them again as written.
constexpr uint32_t kMostLive = 2;
constexpr uint32_t kSweepStep = 16;

uint64_t first_bit_from(const uint64_t* words, uint64_t at, uint64_t end, uint64_t flip) {
  while (at < end) {
    const uint64_t word = (words[at / 64] ^ flip) >> (at % 64);
    if (word != 0) {
      at += base::lowest_bit(word);
      return at < end ? at : end;
    }
    at = (at / 64 + 1) * 64;
  }
  return end;
}

void set_bits(uint64_t* words, uint64_t from, uint64_t to) {
  for (uint64_t at = from; at < to;) {
    const uint64_t word_end = (at / 64 + 1) * 64;
    const uint64_t end = word_end < to ? word_end : to;
    words[at / 64] |= base::low_bits(static_cast<unsigned>(end - at)) << (at % 64);
    at = end;
  }
}

// Of a block that is not swept yet, some may have been freed by the program after they were taken for open.
void close_run(uint32_t number, uint64_t from, uint64_t to) {
  Marks* marks = space.marks(number);
  for (uint64_t at = from; at < to; ++at) marks[at / 64].open &= ~(uint64_t{1} << (at % 64));
}

// The next free objects of the buffer's block. Returns false when there are none.
bool fill(Buffer& buffer, Kind kind) {
  if (buffer.block == kNoBlock) return false;
  const Block& block = space.block(buffer.block);
  uint64_t* live = space.live(buffer.block);
  const uint64_t from = first_bit_from(live, buffer.cursor, block.slots, ~uint64_t{0});
  if (from >= block.slots) return false;
  uint64_t most = heap.settings.every != 0 ? 1 : kRunBytes / block.bytes;
  if (most == 0) most = 1;
  const uint64_t to = first_bit_from(live, from, from + most < block.slots ? from + most : block.slots, 0);
  set_bits(live, from, to);
  if (sweep.going_on()) close_run(buffer.block, from, to);
  buffer.cursor = static_cast<uint32_t>(to);
  buffer.next = space.address(buffer.block) + from * block.bytes;
  buffer.end = buffer.next + (to - from) * block.bytes;
  heap.figures.allocated_bytes += buffer.end - buffer.next;
  if (!block.pristine && !is_atomic(kind))
    memset(reinterpret_cast<void*>(buffer.next), 0, buffer.end - buffer.next);
  return true;
}

void leave_block(Buffer& buffer) {
  if (buffer.block != kNoBlock) space.more(buffer.block).owned = false;
  buffer.block = kNoBlock;
  buffer.next = buffer.end = 0;
}

// Until there is one on the list.
void sweep_for_one(const uint32_t& first) {
  const uint64_t until_ns = sys::monotonic_ns() + kSweepForOneNs;
  for (uint32_t swept = 0; first == kNoBlock && swept < kSweepForOne && sweep.going_on();
       swept += kSweepStep) {
    sweep.step(kSweepStep);
    if (sys::monotonic_ns() >= until_ns) return;
  }
}

bool next_block(Buffer& buffer, Kind kind, unsigned size_class) {
  leave_block(buffer);
  uint32_t& first = room_first[static_cast<unsigned>(kind)][size_class];
  if (first == kNoBlock && sweep.going_on()) sweep_for_one(first);
  uint32_t number = first;
  if (number != kNoBlock) {
    first = space.more(number).next;
    space.more(number).listed = 0;
    space.block(number).freed = 0;
    if (space.more(number).live * kMostLive <= space.block(number).slots) generations.will_be_written(number);
  } else {
    number = space.take(1);
    if (number == kNoBlock) return false;
    ahead.note(number);
    if (!space.block(number).pristine) generations.will_be_written(number);
    space.make_small(number, kind, size_class);
  }
  space.more(number).owned = true;
  space.more(number).touched = true;
  buffer.block = number;
  buffer.cursor = 0;
  return true;
}

void* take_small(Thread& thread, Kind kind, size_t bytes) {
  const unsigned size_class = class_of(bytes);
  Buffer& buffer = thread.buffers[static_cast<unsigned>(kind)][size_class];
  // A signal handler may have filled it meanwhile, or a finalizer.
  while (buffer.next == buffer.end) {
    if (fill(buffer, kind)) break;
    // Everything of a block that comes off a list or is new is looked at anew; one without room leads to the next.
    if (!next_block(buffer, kind, size_class)) return nullptr;
  }
  const uint64_t start = buffer.next;
  buffer.next = start + buffer.bytes;
  return reinterpret_cast<void*>(start);
}

void* take_large(Kind kind, size_t bytes) {
  if (bytes > space.limit() || bytes > (uint64_t{1} << 46)) return nullptr;
  const auto count = static_cast<uint32_t>(base::divide_up(bytes, kBlockBytes));
  if (sweep.going_on() && space.free_blocks() < count) sweep.step(kSweepForOne);
  const uint32_t first = space.take(count);
  if (first == kNoBlock) return nullptr;
  bool pristine = true;
  for (uint32_t i = 0; i < count; ++i) pristine = pristine && space.block(first + i).pristine;
  for (uint32_t i = 0; i < count; ++i) space.block(first + i).pristine = false;
  space.make_large(first, count, kind, base::align_up(bytes, kUnit));
  void* start = reinterpret_cast<void*>(space.address(first));
  if (!pristine && !is_atomic(kind)) {
    if (bytes < kPurgeFrom || !sys::purge(start, uint64_t{count} << kBlockShift)) memset(start, 0, bytes);
  }
  space.live(first)[0] = 1;
  heap.figures.allocated_bytes += bytes;
  return start;
}

// Of an object that the program has not written to when it is marked the kernel would show its page of zeros, of which the first write to a watched
// one makes small pages.
void write_first(void* object) { *static_cast<volatile uint64_t*>(object) = 0; }

// Awake for as long as a step of sweeping takes: where the processor is a virtual one, who has slept comes back milliseconds later.
void await_lock() {
  constexpr int kRounds = 250;
  constexpr int kPauses = 16;
  for (int round = 0; round < kRounds && heap.lock.is_locked(); ++round) {
    for (int i = 0; i < kPauses; ++i) sys::pause();
  }
}

void* take(Thread& thread, Kind kind, size_t bytes) {
  return bytes <= kSmallMost ? take_small(thread, kind, bytes) : take_large(kind, bytes);
}

}  // namespace

void reset_buffers(Thread& thread) {
  for (auto& of_kind : thread.buffers) {
    for (unsigned i = 0; i < kClasses; ++i) of_kind[i] = {0, 0, class_bytes(i), kNoBlock, 0, 0};
  }
}

void give_back_buffers(Thread& thread) {
  for (auto& of_kind : thread.buffers) {
    for (Buffer& buffer : of_kind) {
      if (buffer.block == kNoBlock) continue;
      const uint32_t number = buffer.block;
      const uint64_t start = space.address(number);
      for (uint64_t at = buffer.next; at < buffer.end; at += buffer.bytes) {
        const uint64_t index = (at - start) / buffer.bytes;
        space.live(number)[index / 64] &= ~(uint64_t{1} << (index % 64));
      }
      // Others will write to it: what lies behind is no longer known to be zero.
      if (buffer.next < buffer.end) space.block(number).pristine = false;
      leave_block(buffer);
      if (!is_listed(number)) list_block(number);
    }
  }
}

void forget_lists() {
  lists_number = lists_number == 1 ? 2 : 1;
  for (unsigned kind = 0; kind < kKinds; ++kind) {
    for (unsigned i = 0; i < kClasses; ++i) room_first[kind][i] = room_last[kind][i] = kNoBlock;
  }
}

bool is_listed(uint32_t number) { return space.more(number).listed == lists_number; }

void list_block(uint32_t number) {
  const Block& block = space.block(number);
  BlockMore& more = space.more(number);
  uint32_t& first = room_first[static_cast<unsigned>(block.kind)][block.size_class];
  uint32_t& last = room_last[static_cast<unsigned>(block.kind)][block.size_class];
  more.next = kNoBlock;
  more.listed = lists_number;
  if (first == kNoBlock)
    first = number;
  else
    space.more(last).next = number;
  last = number;
}

Buffered close_buffers() {
  Buffered all{0, 0};
  for (Thread* thread = threads.first(); thread != nullptr; thread = thread->next) {
    if (!thread->used) continue;
    for (auto& of_kind : thread->buffers) {
      for (Buffer& buffer : of_kind) {
        if (buffer.block == kNoBlock) continue;
        const uint64_t start = space.address(buffer.block);
        for (uint64_t at = buffer.next; at < buffer.end; at += buffer.bytes) {
          const uint64_t index = (at - start) / buffer.bytes;
          space.marks(buffer.block)[index / 64].open &= ~(uint64_t{1} << (index % 64));
        }
        all.objects += (buffer.end - buffer.next) / buffer.bytes;
        all.bytes += buffer.end - buffer.next;
        buffer.cursor = 0;
      }
    }
  }
  return all;
}

void* allocate_slowly(Kind kind, size_t bytes) {
  if (!start()) return nullptr;
  Thread* self = current;
  if (self == nullptr) self = threads.join(0);
  if (self == nullptr) return nullptr;
  void* taken = nullptr;
  {
    await_lock();
    const sys::LockGuard guard(heap.lock);
    if (lists_number == 0) forget_lists();
    if (heap.settings.every != 0) ++heap.allocations;
    if (cycle.going_on())
      cycle.advance();
    else if (is_due() && !cycle.begin())
      collect(Reason::kGrowth);
    taken = take(*self, kind, bytes);
    if (taken == nullptr && sweep.going_on()) {
      cycle.finish_sweep();
      taken = take(*self, kind, bytes);
    }
    if (taken == nullptr && !is_forbidden()) {
      collect(Reason::kMemory);
      taken = take(*self, kind, bytes);
    }
  }
  ahead.wait_for(reinterpret_cast<uint64_t>(taken));
  if (taken != nullptr && bytes <= kSmallMost && !is_atomic(kind)) write_first(taken);
  cycle.pay();
  if (finalizers.due()) run_finalizers_automatically();
  return taken;
}

bool release(uint64_t address) {
  const sys::LockGuard guard(heap.lock);
  const Slot slot = space.find(address);
  if (!space.is_live(slot) || sweep.is_dead(slot) || space.start_of(slot) != address) return false;
  Block& block = space.block(slot.block);
  BlockMore& more = space.more(slot.block);
  heap.figures.freed_bytes += space.bytes_of(slot);
  finalizers.forget_object(address);
  if (block.state == State::kLarge) {
    // The marker may be reading it: then it goes when the blocks are swept.
    if (cycle.marking())
      space.live(slot.block)[0] = space.old(slot.block)[0] = 0;
    else
      space.release(slot.block);
    return true;
  }
  space.live(slot.block)[slot.index / 64] &= ~(uint64_t{1} << (slot.index % 64));
  space.old(slot.block)[slot.index / 64] &= ~(uint64_t{1} << (slot.index % 64));
  more.touched = true;
  // Its memory is dirty: nothing of the block may pass for untouched any more.
  block.pristine = false;
  ++block.freed;
  if (!more.owned && !is_listed(slot.block) && block.freed * 4u >= block.slots) list_block(slot.block);
  return true;
}

uint64_t base_of(uint64_t word) {
  const Slot slot = space.find(word);
  return space.is_live(slot) && !sweep.is_dead(slot) ? space.start_of(slot) : 0;
}

}  // namespace loam::collector

// Traces: whole stacks as lists of words, each at one place: whoever allocates again at the same depth mostly has the stack it had before.
// They stand in front of a memo's nodes, and are made from them.
//
// The words of a trace are those of its segments in their order, and prove the stack as the segments do: the place of each follows from
// those in front of it. But what lies on a page that is there anyway, since the stack pointer or a word in front of it is on that page, can
// be read before those in front of it are known to be right. So words come in *legs*: one for each page that a word is the first to need. The
// words of a leg are compared without a branch between them, and each leg waits only for the one before it.
//
// Which trace a stack is compared with is told by its stack pointer, by who called the runtime, and by up to two more words on the stack
// pointer's page, which have told stacks of this place apart before.
// Owns nothing: memory comes from the memo, whose lock (none: one thread at a time) is this one's too.
#pragma once

#include <cstddef>
#include <cstdint>

#include "stack/registers.hpp"

namespace loam::stack {

struct Node;

struct Trace {
  struct alignas(16) Quad {
    uint64_t expected[4];
    uint32_t offset[4];  // of their places from the stack pointer
  };
  static constexpr unsigned kMostLegs = 7;
  static constexpr unsigned kMostQuads = 24;  // longer stacks have no trace

  uint64_t sp;   // where the stack begins
  uint64_t pc;   // of the memo's root; 0: nothing is known
  uint64_t own;  // likewise
  uint64_t bp;   // what rbp must be, in the bits of bp_mask: all or none
  uint64_t bp_mask;
  uint32_t id;
  uint8_t capacity;  // quads that there is room for
  uint8_t misses;
  uint8_t legs;
  uint16_t leg_end[kMostLegs];  // bytes from where the quads begin
  Quad quads[];

  static constexpr size_t bytes_for(unsigned quad_count) { return sizeof(Trace) + quad_count * sizeof(Quad); }

  // The stack that begins there and ends at the node. Requires: room for kMostQuads. Returns the quads used, 0 if it can have no trace.
  unsigned compose(const Registers& start, uint64_t own_bytes, const Node* outermost);
  // Whether the stack from these registers outwards, so many bytes of it the runtime's, is this one.
  bool matches(const Registers& start, uint64_t own_bytes) const;
};

class Traces {
 public:
  // Where the trace of a stack would be.
  struct Slot {
    Trace** trace;  // null: the stack can have none
    uint64_t own;
    unsigned place;
  };
  Slot slot_of(const Registers& start, const void* inside) const;

  // Of a stack that the trace there, if there is one, was not of: whether it shall be from now on. Not each time: where stacks change all the
  // time the work would be in vain.
  bool wants(const Slot& slot, const Registers& start);

  void forget() { __builtin_memset(static_cast<void*>(this), 0, sizeof *this); }

 private:
  // Stacks that begin at one stack pointer, mostly with one caller.
  struct Place {
    uint64_t sp;
    // From the stack pointer to one or two words, on its page, that tell them apart.
    uint32_t near[2];
  };
  static constexpr unsigned kPlaces = 512;  // powers of two; fewer, and one takes what another has learnt
  static constexpr unsigned kTraces = 1024;
  static constexpr uint64_t kMostOwn = 4096;

  bool learn(const Slot& slot, const Registers& start);

  Place places_[kPlaces];
  mutable Trace* traces_[kTraces];
};

// No word of a stack need be a variable's: the address sanitizer must not watch.
[[gnu::no_sanitize_address]] inline uint64_t word_at(const char* from, uint64_t offset) {
  return *reinterpret_cast<const uint64_t*>(from + offset);
}

[[gnu::no_sanitize_address]] inline bool Trace::matches(const Registers& start, uint64_t own_bytes) const {
  using Pair [[gnu::vector_size(16)]] = uint64_t;
  if (((sp ^ start.sp()) | (pc ^ start.pc()) | (own ^ own_bytes) | ((bp ^ start.bp()) & bp_mask)) != 0)
    return false;
  const auto* from = reinterpret_cast<const char*>(start.sp());
  const Quad* quad = quads;
  for (unsigned leg = 0; leg < legs; ++leg) {
    const auto* end = reinterpret_cast<const Quad*>(reinterpret_cast<const char*>(quads) + leg_end[leg]);
    Pair wrong = {};
    do {
      const auto* expected = reinterpret_cast<const Pair*>(quad->expected);
      wrong |= Pair{word_at(from, quad->offset[0]), word_at(from, quad->offset[1])} ^ expected[0];
      wrong |= Pair{word_at(from, quad->offset[2]), word_at(from, quad->offset[3])} ^ expected[1];
    } while (++quad != end);
    quad = end;
    if ((wrong[0] | wrong[1]) != 0) return false;
  }
  return true;
}

// Between the stack pointer and `inside` are frames of the runtime, whose memory is there, and next to it what the program's call has
// pushed; so is the rest of the page.
[[gnu::no_sanitize_address]] inline Traces::Slot Traces::slot_of(const Registers& start,
                                                                 const void* inside) const {
  constexpr uint64_t kSpread = 0x9e3779b97f4a7c15u;
  const uint64_t sp = start.sp();
  const uint64_t own = reinterpret_cast<uint64_t>(inside) - sp;
  if (own < sizeof(uint64_t) || own >= kMostOwn) return {nullptr, own, 0};
  const uint64_t key = (static_cast<const uint64_t*>(inside)[-1] + sp) * kSpread;
  const unsigned at = key >> 48 & (kPlaces - 1);
  const Place& place = places_[at];
  uint64_t words = 0;
  if (place.sp == sp) {
    const auto* from = reinterpret_cast<const char*>(sp);
    words = (word_at(from, place.near[0]) * 3 + word_at(from, place.near[1])) * kSpread;
  }
  return {&traces_[((key ^ words) >> 32) & (kTraces - 1)], own, at};
}

}  // namespace loam::stack

// The parts of a memo: segments, nodes, and the comparison of a segment with a stack. For memo.cpp and the builder only.
// Invariant: a segment's words are in the order in which each one's place follows from those before it; reading them in this order
// and stopping at the first that differs reads nothing that is no part of the stack. No locking.
#pragma once

#include <cstdint>

#include "stack/frame.hpp"

namespace loam::stack {

struct Word {
  uint64_t expected;
  uint32_t offset;   // of its place from the stack pointer
  int32_t relative;  // -1: expected is the distance from the stack pointer; 0: the word itself
};

struct Segment {
  uint64_t bp_expected;  // if needs_bp: rbp's distance from the stack pointer
  uint64_t size;         // to the stack pointer at the outer end
  uint16_t word_count;
  uint16_t frame_count;
  bool needs_bp;
  bool ends;      // there is no frame outside
  bool saves_bp;  // rbp at the outer end is the word at bp_offset, else what it was
  uint32_t bp_offset;
  uint64_t pc;        // at the inner end
  uint64_t outer_pc;  // 0 if it ends
  Segment* next;      // in the table
  uint64_t hash;
  Word words[];  // then the frames

  const Frame* frames() const { return reinterpret_cast<const Frame*>(words + word_count); }
};

struct Node {
  Segment* segment;  // null for a root, whose pc is in `word`
  Node* child;       // the successor taken last
  Node* base;        // the successor of the same node that it was found to differ from, or null for the first
  uint64_t word;     // the word in which it does
  Node* inner;
  Node* next;      // in the table
  uint32_t id;     // of the stack that ends here
  uint32_t probe;  // place of the word by which the next successor is foretold; 0: by the last one
  // Place, from where the inner node ends, of a second word: it tells this node from others of the same inner one that have the same
  // word at that one's probe. 0: none.
  uint32_t sibling_probe;
  int16_t at;                 // the number of `word` in the segment; kAtBp: rbp
  bool is_relative : 1;       // the probed word is a distance from the stack pointer, as in Word
  bool sibling_relative : 1;  // the second
  bool own;                   // of the runtime's own frames
};
static_assert(sizeof(Node) == 64);

// A node that is yet to be made: what it differs from, and where.
struct Branch {
  Node* base;
  int at;
  uint64_t word;
};

// Where in a stack a comparison stands.
struct Spot {
  uint64_t sp;
  const uint64_t* bp;  // where the value of rbp lies
  uint64_t boundary;   // frames below it are the runtime's own
};

constexpr int kAtBp = -1;
constexpr int kNowhere = -2;

struct Difference {
  int at;
  uint64_t word;
};

// The first word, from the given one on, in which the stack differs from the segment. No word of it need be a variable's: the
// address sanitizer must not watch.
[[gnu::no_sanitize_address]] inline Difference difference(const Segment& segment, const Spot& spot,
                                                          int from) {
  if (segment.needs_bp && *spot.bp - spot.sp != segment.bp_expected) return {kAtBp, 0};
  const int count = segment.word_count;
  for (int i = from; i < count; ++i) {
    const Word& word = segment.words[i];
    const uint64_t base = spot.sp & static_cast<uint64_t>(static_cast<int64_t>(word.relative));
    const uint64_t value = *reinterpret_cast<const uint64_t*>(spot.sp + word.offset) - base;
    if (value != word.expected) return {i, value};
  }
  return {kNowhere, 0};
}

}  // namespace loam::stack

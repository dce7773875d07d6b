// What one thread remembers of the stacks it has seen, so that a stack seen before is recognised by reading its return addresses
// and nothing else.
//
// A *segment* is a short run of frames as a list of words to compare: where a word lies, relative to the stack pointer at the
// run's inner end, and what it was. Words are return addresses, and those saved frame pointers (relative to the stack pointer
// too) on which the place of a return address depends. As the place of each word is a function of the pc before it and of words
// compared already, equal words prove that the frames are the same: nothing is guessed. Since all is relative, one segment serves at
// any depth, on any stack. Segments end at certain pcs, so that stacks that differ inside share those outside.
// A *node* is a segment in the context of all segments inside of it; the node of the outermost segment keeps the stack's id. A node's
// last successor is tried first; where a word differs, the successor that has this word there is looked up.
//
// In front of that stand *traces*, which have whole stacks: of the last one, mostly, that was met with the same caller at the same depth.
//
// Stacks that lead through code without rows, or through frames that need the whole rules, are not remembered.
//
// Owns metadata memory in pieces, at most kMaxPieces; when they are used up, all is forgotten and the memory used again. Also forgotten
// when modules change. Locking: none, one thread at a time; a signal handler that interrupts capture() is told so (busy).
#pragma once

#include <cstdint>

#include "stack/depot.hpp"
#include "stack/memory.hpp"
#include "stack/registers.hpp"
#include "stack/trace.hpp"

namespace loam::stack {

struct Segment;
struct Node;
struct Spot;
struct Branch;
class Builder;

struct MemoCounts {
  uint64_t captures;
  uint64_t traced;     // of them, found by a trace
  uint64_t lookups;    // the last successor was not the one
  uint64_t built;      // segments made from rows
  uint64_t entered;    // stacks whose id was not in a node yet
  uint64_t refused;    // stacks that cannot be remembered
  uint64_t forgotten;  // times that all was forgotten
  uint64_t nodes;
  uint64_t segments;
};

class Memo {
 public:
  // The id of the stack from these registers outwards, leaving out frames below `inside` (as capture() does), or kNoStack: then the
  // stack is none to be remembered, or the memo is busy or without memory.
  Id capture(const Registers& start, const void* inside);

  // Another thread has it now, with another stack.
  void change_hands() { memory_ = Memory(); }

  const MemoCounts& counts() const { return counts_; }

  Memo* next = nullptr;  // in the pool of those without a thread

 private:
  static constexpr size_t kPieceBytes = size_t{64} << 10;
  static constexpr unsigned kMaxPieces = 128;
  static constexpr unsigned kRoots = 64;      // a power of two
  static constexpr unsigned kOracles = 2048;  // of 8 bytes; fewer, and one says what another is asked for
  static constexpr uint32_t kFirstBuckets = 512;
  static constexpr uint32_t kBucketsPerPart = kPieceBytes / sizeof(void*);
  static constexpr uint32_t kMaxBuckets = 16 * kBucketsPerPart;

  struct Table {
    void** parts[16];
    uint32_t size;  // a power of two
    uint32_t used;
  };
  struct Root {
    uint64_t pc;
    uint64_t own;  // from the stack pointer to `inside`
    Node* node;
  };

  void keep_trace(const Traces::Slot& slot, const Registers& start, const Node* outermost);
  Id capture_by_nodes(const Registers& start, const void* inside, const Traces::Slot& slot);
  const Node* recall(const Registers& start, const void* inside);
  const Node* recall_again(const Registers& start, const void* inside);
  Node* root(uint64_t pc, uint64_t own);
  Node* find_root(uint64_t pc, uint64_t own, uint64_t first);
  bool probed(uint32_t place, bool relative, const Spot& spot, uint64_t& word) const;
  Node*& oracle(uint64_t key) const;
  Node* foretell(const Node* inner, const Spot& spot) const;
  void learn(const Node* inner, Node* child, const Spot& spot);
  Node* choose(Node* inner, Node* node, const Spot& place);
  Node* find_node(const Node* base, int at, uint64_t word) const;
  Node* extend(Node* inner, const Branch& branch, const Spot& place);
  Segment* intern(const Builder& builder);
  Id enter(const Node* outermost);
  void* take(size_t bytes);
  static void** bucket(const Table& table, uint64_t hash);
  bool make_table(Table& table, uint32_t size);
  template <class Item>
  void enter_table(Table& table, Item* item);
  void forget();

  Memory memory_;
  mutable Node* oracles_[kOracles];
  Traces traces_;
  Root roots_[kRoots];
  uint32_t generation_;
  bool busy_;
  bool full_;
  Table nodes_;
  Table segments_;
  char* pieces_[kMaxPieces];
  uint32_t piece_count_;
  uint32_t piece_;
  size_t piece_used_;
  MemoCounts counts_;
};

}  // namespace loam::stack

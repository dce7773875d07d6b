// Marks what can be reached: takes words, finds the blocks they point to, reads those blocks' words in turn. Conservative:
// every aligned word of a block counts, and a pointer to any byte of a block is one to it (so low tag bits do no harm).
//
// Blocks that are found wait in a stack; what leaves it passes through a short queue while its memory is on its way from
// RAM, so that the processor waits for many blocks at once instead of one after the other.
//
// Invariant: a block is in `open` until it is found, and is read once. Owns the stack; the set is the caller's.
// Locking: none. Requires: what the map describes does not change meanwhile, and its blocks are readable.
#pragma once

#include <cstdint>

#include "scan/block_map.hpp"
#include "scan/readable.hpp"

namespace loam::scan {

class Marker {
 public:
  // `readable` tells which parts of large blocks are worth reading, and may be null: then all are.
  Marker(const BlockMap& map, BlockSet& open, const Readable* readable)
      : map_(map), open_(open), readable_(readable), lowest_(map.lowest()), extent_(map.extent()) {}

  // Returns false when there is no memory for the stack.
  bool prepare(Scratch& scratch);

  void add_word(uint64_t word) { look_at(word); }
  // Every aligned word of the range. Requires: readable.
  void add_range(uint64_t start, uint64_t end);
  // Takes the block, if it is still open, and goes on from there.
  void add_block(const BlockMap::Block& block);
  // Until nothing is left to read.
  void drain();

  uint64_t blocks() const { return blocks_; }
  uint64_t words_read() const { return words_; }

 private:
  static constexpr unsigned kQueue = 8;

  // A block that waits: its address, and in the 16 bits that addresses leave free its size in units of 16 bytes; 0 if that
  // must be looked up.
  using Entry = uint64_t;
  static constexpr unsigned kSizeShift = 48;

  void look_at(uint64_t word) {
    if (word - lowest_ >= extent_) return;
    follow(word);
  }
  void follow(uint64_t word);
  void push(const BlockMap::Block& block);
  void read(Entry entry);
  void read_words(uint64_t start, uint64_t end);
  void read_unusual(uint64_t address);

  const BlockMap& map_;
  BlockSet& open_;
  const Readable* readable_;
  const uint64_t lowest_;
  const uint64_t extent_;
  Entry* stack_ = nullptr;
  uint64_t top_ = 0;
  uint64_t blocks_ = 0;
  uint64_t words_ = 0;
};

}  // namespace loam::scan

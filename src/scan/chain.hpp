// By which words a block is held: everything that the roots lead to is read once more, breadth first, and of each block is
// remembered which word led to it. So no way from the roots to a block is shorter than the one told. Slower than the
// marker, which takes blocks in the order of their pages: some 100 ns a block.
// Owns nothing but what it took from the scratch. Locking: none; the process stands still.
#pragma once

#include <cstdint>

#include "scan/block_map.hpp"
#include "scan/readable.hpp"
#include "scan/root_sink.hpp"

namespace loam::scan {

class Chain final : public RootSink {
 public:
  Chain(const BlockMap& map, const Readable& readable) : map_(map), readable_(readable) {}

  // Returns false when there is no memory: 8 bytes for each block of the map and 4 for each live one.
  bool prepare(Scratch& scratch);
  void add_word(uint64_t word) override;
  void add_range(uint64_t start, uint64_t end) override;
  void add_code(uint64_t start, uint64_t end) override;
  // From what the roots hold to everything that it leads to.
  void follow();

  // Of a live block: whether a root that counts leads to it.
  bool is_held(uint32_t number) const { return !open_.contains(number); }
  // Of one that is held: the address of the word that leads to it; 0: a register.
  uint64_t word_to(uint32_t number) const { return words_[number]; }

 private:
  void read_words(uint64_t start, uint64_t end);
  void look_at(uint64_t word, uint64_t address);
  void read(uint32_t number);

  const BlockMap& map_;
  const Readable& readable_;
  BlockSet open_;
  uint64_t* words_ = nullptr;
  uint32_t* queue_ = nullptr;  // numbers of blocks that were found, in that order
  uint64_t found_ = 0;
};

}  // namespace loam::scan

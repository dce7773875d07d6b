// Marks what can be reached: takes words, finds the blocks they point to, reads those blocks' words in turn. Conservative:
// every aligned word of a block counts, and a pointer to any byte of a block is one to it (so low tag bits do no harm).
//
// Blocks that are found wait as bits, 64 neighbours of a span to a word, and the words wait in a ring. Until a word's turn
// comes others of its blocks are found, so that they are read one behind the other: memory that pointers lead to in any order
// is read by pages. What leaves the words passes through a short queue while its memory is on its way from RAM, so that the
// processor waits for many blocks at once instead of one after the other. For the same reason words that may be pointers are looked
// up a batch at a time, each table for all of them before the next: one word's loads wait for each other, those of many do not.
//
// Invariants: a block is in `open` until it is found, and is read once; a word is in the ring, once, exactly if it has a bit.
// Owns the bits and the ring; the set is the caller's.
// Markers that share a set take blocks out of it atomically, and leave each other words through a pool.
// Locking: none but the pool's. Requires: what the map describes does not change meanwhile, and its blocks are readable.
#pragma once

#include <cstdint>

#include "scan/block_map.hpp"
#include "scan/readable.hpp"
#include "scan/root_sink.hpp"
#include "sys/work_pool.hpp"

namespace loam::scan {

// What a marker may leave to another: neighbours of which some wait, 64 blocks of a set.
struct Work {
  uint32_t word;  // of the set
  uint32_t span;
  uint64_t bits;
};
using WorkPool = sys::WorkPool<Work>;

class Marker final : public RootSink {
 public:
  // `readable` tells which parts of large blocks are worth reading, and may be null: then all are.
  Marker(const BlockMap& map, BlockSet& open, const Readable* readable)
      : map_(map), open_(open), readable_(readable), lowest_(map.lowest()), extent_(map.extent()) {}

  // Returns false when there is no memory for what waits.
  bool prepare(Scratch& scratch);

  void add_word(uint64_t word) override {
    collect(word);
    if (collected_ >= kBatch) look_up();
  }
  // Every aligned word of the range. Requires: readable.
  void add_range(uint64_t start, uint64_t end) override;
  void add_code(uint64_t start, uint64_t end) override;
  // Takes the block, if it is still open, and goes on from there.
  void add_block(const BlockMap::Block& block);
  // Until nothing is left to read.
  void drain() override;

  // From now on others take blocks out of the same set, and work goes through the pool; drain() then waits for all of them.
  // Requires: the caller is inside the pool before it marks.
  void share(WorkPool& pool) { pool_ = &pool; }
  // Marks what others leave in the pool, until it is closed. Requires: as share().
  void help();

  uint64_t blocks() const { return blocks_; }
  uint64_t words_read() const { return words_; }

 private:
  static constexpr unsigned kQueue = 8;
  // A batch is looked up when it has so many words; between two looks at whether it has, at most kPiece words are read.
  static constexpr unsigned kBatch = 32;
  static constexpr unsigned kPiece = 32;

  // 64 blocks of which some wait.
  struct Group {
    uint32_t word;
    uint32_t span;
  };
  // A block on its way from RAM.
  struct Entry {
    uint64_t start;
    uint64_t end;  // start: to be looked up
    const BlockMap::Span* span;
    uint32_t index;
  };

  // Without a branch: whether a word may be a pointer is hard to guess. Requires: room in the batch.
  void collect(uint64_t word) {
    batch_[collected_] = word;
    collected_ += unsigned{word - lowest_ < extent_};
  }
  void look_up();
  void take(const BlockMap::Block& block);
  void take_shared(const BlockMap::Block& block);
  void run();
  void give();
  void accept(const Work* work, uint32_t count);
  bool next(Entry& entry);
  void read(const Entry& entry);
  void read_words(uint64_t start, uint64_t end);
  void read_unusual(const Entry& entry);

  const BlockMap& map_;
  BlockSet& open_;
  const Readable* readable_;
  const uint64_t lowest_;
  const uint64_t extent_;
  uint64_t* waiting_ = nullptr;  // a bit for each block
  Group* ring_ = nullptr;
  uint64_t ring_mask_ = 0;
  uint64_t first_ = 0;
  uint64_t last_ = 0;
  // The group whose turn it is, and which of its blocks are left.
  const BlockMap::Span* span_ = nullptr;
  uint32_t index_ = 0;
  uint64_t bits_ = 0;
  uint64_t units_ = 0;
  // Words inside the heap's extent, to be looked up; one more place, since what is not taken is written too.
  uint64_t batch_[kBatch + kPiece + 1] = {};
  unsigned collected_ = 0;
  uint64_t blocks_ = 0;
  uint64_t words_ = 0;
  WorkPool* pool_ = nullptr;
};

}  // namespace loam::scan

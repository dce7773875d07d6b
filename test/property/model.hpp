// A plain model of a heap: a map of live intervals, each with a pattern of its own in its bytes. It knows nothing of how
// the heap works, only what a caller may rely on.
// Locking: none; one thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace loam::property {

struct Block {
  char* start;
  size_t size;  // as asked for
  uint64_t pattern;
};

// Writes the pattern to both ends of the block, and to all of it if it is short; checks the same bytes.
void fill(const Block& block);
bool holds(const Block& block);

class Model {
 public:
  // Each returns an empty string, or what is wrong.
  std::string add(char* start, size_t size, size_t alignment, bool zero);
  std::string check(size_t index) const;
  // As check(), and forgets the block.
  std::string remove(size_t index, Block* removed);
  // What heap::find must say of any word at all.
  std::string compare_find(uint64_t word) const;

  size_t count() const { return blocks_.size(); }
  uint64_t bytes() const { return bytes_; }
  const Block& at(size_t index) const { return blocks_[index]; }
  void replace(size_t index, size_t new_size);

 private:
  std::vector<Block> blocks_;          // any order, so that one can be drawn
  std::map<uint64_t, size_t> starts_;  // address to size
  uint64_t bytes_ = 0;
  uint64_t next_pattern_ = 0x9e3779b97f4a7c15u;
};

// What the tester plants to see whether the model notices.
enum class Plant : uint8_t { kNothing, kOverlap, kContent, kFind, kLoss };
extern Plant plant;

}  // namespace loam::property

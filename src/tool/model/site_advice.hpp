// Which sites of a program would gain from a manager of their own instead of malloc, and what its heap would have been with them: an
// arena where the blocks of a site die together, a pool where they have one size and come and go.
//
// A site is a stack. Not for sharing between threads. Memory: 16 bytes a live block and some 100 a site.
#pragma once

#include <cstdint>
#include <span>
#include <unordered_map>
#include <vector>

#include "tool/model/operations.hpp"

namespace loam::tool {

enum class SiteManager : std::uint8_t { kArena, kPool };

struct SiteAdvice {
  std::uint32_t stack = 0;
  SiteManager manager = SiteManager::kArena;
  std::uint64_t allocations = 0;
  std::uint64_t frees = 0;
  std::uint64_t bytes = 0;       // allocated
  std::uint64_t peak_bytes = 0;  // live at once
  std::uint64_t peak_blocks = 0;
  std::uint64_t phases = 0;      // from no live block of the site to none again
  std::uint64_t largest = 0;     // size asked for
  std::uint64_t operations = 0;  // that malloc sees of it with the manager, once that was replayed
};

// What each site does.
class SiteBook {
 public:
  // `origins` has one for each operation.
  void add(std::span<const Operation> operations, std::span<const OperationOrigin> origins);
  // Those that would gain, the one with the most allocations first; of less than one operation in a hundred nobody would notice.
  std::vector<SiteAdvice> choose() const;

 private:
  struct Site {
    std::uint64_t allocations = 0, frees = 0, resizes = 0;
    std::uint64_t bytes = 0, live_bytes = 0, peak_bytes = 0;
    std::uint64_t live_blocks = 0, peak_blocks = 0;
    std::uint64_t smallest = ~std::uint64_t{0}, largest = 0;
    std::uint64_t phases = 0;       // ended
    std::uint64_t phase_bytes = 0;  // allocated in this one
    std::uint64_t phase_most = 0;   // in any
  };
  struct Block {
    std::uint32_t site = 0;
    std::uint64_t size = 0;
  };

  std::uint32_t site_of(std::uint32_t stack);
  void allocate(Block& block, std::uint64_t size, std::uint32_t stack);
  void release(Block& block);
  static bool fits_arena(const Site& site);
  static bool fits_pool(const Site& site);

  std::vector<Site> sites_;
  std::vector<std::uint32_t> stacks_;  // of a site
  std::unordered_map<std::uint32_t, std::uint32_t> numbers_;
  std::vector<Block> blocks_;
  std::uint64_t operations_ = 0;
};

// The operations that malloc would see if the sites chosen had managers: those of chunks instead of those of their blocks.
class ManagedOperations {
 public:
  // `first_number`: of blocks that the source does not use.
  ManagedOperations(std::vector<SiteAdvice> sites, std::uint32_t first_number);
  // Fills in what takes the place of the operations.
  void replace(std::span<const Operation> operations, std::span<const OperationOrigin> origins,
               std::vector<Operation>& out);
  // With `operations` filled in.
  const std::vector<SiteAdvice>& sites() const { return sites_; }

 private:
  struct Manager {
    std::vector<std::uint32_t> chunks;
    std::uint64_t left = 0;  // of an arena's last chunk, bytes; of a pool, free slots
    std::uint64_t live = 0;  // blocks
  };
  void allocate(std::uint32_t site, std::uint64_t size, std::vector<Operation>& out);
  void release(std::uint32_t site, std::vector<Operation>& out);
  void add_chunk(std::uint32_t site, std::uint64_t bytes, std::vector<Operation>& out);

  std::vector<SiteAdvice> sites_;
  std::vector<Manager> managers_;
  std::unordered_map<std::uint32_t, std::uint32_t> site_of_stack_;  // from 1
  std::vector<std::uint32_t> site_of_block_;                        // from 1; 0: malloc's
  std::vector<std::uint32_t> unused_;
  std::uint32_t next_;
};

}  // namespace loam::tool

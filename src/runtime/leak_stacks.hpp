// The stacks that an answer to a search for leaks names: how many reachable blocks each has allocated, and the stream that tells
// what they are (format/stacks.hpp).
// Invariant: a stack is in the table once. Locking: none, it is the copy's alone.
#pragma once

#include <cstdint>

#include "format/stacks.hpp"
#include "record/describe.hpp"
#include "scan/block_map.hpp"
#include "scan/leaks.hpp"
#include "scan/scratch.hpp"

namespace loam::runtime {

class LeakStacks {
 public:
  struct Site {
    uint32_t stack;   // 0: a free place
    uint64_t blocks;  // reachable
    uint64_t bytes;
  };

  // Enters the stacks of all live blocks. Returns false when there is no memory. O(live blocks).
  bool gather(const scan::BlockMap& map, const scan::Leaks& leaks, scan::Scratch& scratch);

  uint32_t count() const { return count_; }
  // Calls visit(site) for each.
  template <class Visit>
  void for_each(Visit&& visit) const {
    for (uint32_t i = 0; count_ > 0 && i < kPlaces; ++i) {
      if (places_[i].stack != 0) visit(places_[i]);
    }
  }

  // Calls put(data, bytes) for the pieces of the stream; the same ones each time.
  template <class Put>
  void write(Put&& put) const {
    for (uint32_t i = 0; count_ > 0 && i < kModuleWords; ++i) told_[i] = 0;
    for_each([&](const Site& site) { write_stack(site.stack, put); });
  }

 private:
  static constexpr uint32_t kPlaces = 1u << 16;
  static constexpr uint32_t kMostSites = kPlaces / 4 * 3;
  static constexpr uint32_t kModuleWords = 1024;

  Site* place_of(uint32_t stack);

  template <class Put>
  void write_stack(uint32_t stack, Put&& put) const {
    record::DescribedStack described;
    record::describe_stack(stack, &described);
    for (uint32_t i = 0; i < described.record.frame_count; ++i) {
      const uint32_t id = format::frame_module(described.frames[i]);
      const uint64_t bit = uint64_t{1} << (id % 64);
      format::ModuleRecord module{};
      const char* path = nullptr;
      if (id == 0 || (told_[id / 64] & bit) != 0 || !record::describe_module(id, &module, &path)) continue;
      told_[id / 64] |= bit;
      format::put_module(put, module, path);
    }
    format::put_stack(put, described.record, described.frames);
  }

  Site* places_ = nullptr;
  uint64_t* told_ =
      nullptr;  // modules that are in the stream already; here, since a handler's stack may be small
  uint32_t count_ = 0;
};

}  // namespace loam::runtime

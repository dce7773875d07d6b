// The stacks that a process left beside its answer to a search for leaks (format/stacks.hpp), by their ids.
// Owns what it has read. No locking.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "tool/model/symbols.hpp"

namespace loam::tool {

class LeakStacks {
 public:
  // Any bytes at all: what makes no sense ends the reading.
  explicit LeakStacks(const std::string& bytes);

  // The frames of the stack, innermost first; none if it is not known. `left_out`: outer frames that were not written.
  std::vector<SourceFrame> find(std::uint32_t id, Symbols& symbols, std::uint32_t* left_out) const;

 private:
  struct Module {
    SourceModule source;
    std::uint64_t bias = 0;
  };
  struct Stack {
    std::vector<std::uint64_t> frames;
    std::uint32_t depth = 0;
  };
  std::map<std::uint32_t, Module> modules_;
  std::map<std::uint32_t, Stack> stacks_;
};

}  // namespace loam::tool

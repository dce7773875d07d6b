// Which stacks of one recording are which of another, though neither their ids nor their addresses are the same.
//
// In a module of the same build (by its build id) a frame is known by its offset. In one that was built anew it is known by the
// function, inlined ones included but for the insides of the C++ library's headers; and where the same functions are on the stack in
// several ways, by their lines, counted from the beginning of each. So neither an edit elsewhere in the file nor other flags of the
// compiler matter. A stack from which an optimizer has left out frames (a call at a function's end leaves none) is still found, if
// only one other can be meant.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "tool/model/heap_sums.hpp"
#include "tool/model/symbols.hpp"

namespace loam::tool {

// One side: the stacks with their frames, innermost first.
struct KnownStack {
  std::uint32_t id = 0;
  std::vector<SourceFrame> frames;
  HeapSums sums;
};
struct StackSet {
  std::vector<KnownStack> stacks;
  std::vector<SourceModule> modules;
};

// Places in `stacks` of both sides that are the same site; either may have none.
struct MatchedStacks {
  std::vector<std::size_t> before;
  std::vector<std::size_t> after;
};

struct StackMatches {
  std::vector<MatchedStacks> sites;
  std::vector<std::string> rebuilt;  // names of modules that are of different builds
};

StackMatches match_stacks(const StackSet& before, const StackSet& after);

// A module's file without its folder, and without the version behind ".so".
std::string module_name(const std::string& path);

}  // namespace loam::tool

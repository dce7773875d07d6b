// Stacks as a process told them (format/stacks.hpp), by their ids, with their frames in source terms. Not for sharing between
// threads.
#pragma once

#include <cstdint>
#include <map>
#include <vector>

#include "tool/model/symbols.hpp"

namespace loam::tool {

class CallStacks {
 public:
  // Reads a stream. Throws Failure if it makes no sense.
  void read(const char* data, std::size_t bytes);

  struct Text {
    std::vector<SourceFrame> frames;  // innermost first
    std::uint32_t left_out = 0;       // frames further out, which were not told
    bool complete = true;             // else what lies outside of the last frame is not known
  };
  // No frames for an id that was not told.
  Text describe(std::uint32_t id, Symbols& symbols) const;
  std::vector<SourceModule> modules() const;

  // Where each module was mapped.
  struct Module {
    SourceModule source;
    std::uint64_t bias = 0;
    std::uint64_t start = 0;
    std::uint64_t end = 0;
  };
  const std::map<std::uint32_t, Module>& mapped() const { return modules_; }

 private:
  struct Stack {
    std::vector<std::uint64_t> frames;
    std::uint32_t depth = 0;
    bool complete = false;
  };

  std::map<std::uint32_t, Module> modules_;
  std::map<std::uint32_t, Stack> stacks_;
};

}  // namespace loam::tool

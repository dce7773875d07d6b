// By which words a block of a running process is held, read from the stream that format/leaks.hpp describes.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "format/leaks.hpp"

namespace loam::tool {

struct ChainReport {
  std::uint64_t pid = 0;
  std::string subject;  // as it was asked for
  format::ChainHeader header{};
  std::vector<format::ChainLink> links;  // the block that was asked for first
  std::string root;                      // what kind of memory holds the last one; empty if none does
};

// Any address in a block, as "0x1584c0000000"; or a pattern for a function that has allocated it. Throws Failure: no such process and so on,
// nothing known of that function.
ChainReport ask_chain(std::uint64_t pid, const std::string& subject);

}  // namespace loam::tool

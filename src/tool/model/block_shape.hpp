// What a block takes beside the bytes that were asked for: the allocator's header in front of it, and padding behind it up to what is
// usable. Told from the size alone, as of a block fresh from the allocator: no recording has it. No state.
#pragma once

#include <cstdint>

namespace loam::tool {

// Whose blocks the events are of.
enum class BlockLayout : std::uint8_t { kUnknown, kLoam, kGlibc };

struct BlockShape {
  std::uint64_t header = 0;
  std::uint64_t padding = 0;
};

BlockShape shape_of(BlockLayout layout, std::uint64_t address, std::uint64_t size, unsigned log_alignment);

}  // namespace loam::tool

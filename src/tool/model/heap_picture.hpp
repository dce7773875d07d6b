// A heap under a placement policy as a picture: time to the right, addresses upwards, in each tile how much is header, live, padding
// and free at a moment. Its size depends on the frame alone, not on the number of operations.
#pragma once

#include <cstdint>
#include <vector>

#include "tool/model/simulation.hpp"

namespace loam::tool {

// What one picture shows. Several with the same frame can be compared.
struct PictureFrame {
  std::uint64_t operations = 0;  // all of the program's
  std::uint64_t bytes = 0;       // of addresses, from the heap's beginning
  std::uint32_t columns = 320;   // moments
  std::uint32_t rows = 80;       // tiles

  std::uint64_t tile_bytes() const { return bytes == 0 ? 1 : (bytes + rows - 1) / rows; }
};

struct Tile {
  std::uint64_t header = 0;
  std::uint64_t live = 0;
  std::uint64_t padding = 0;
};

struct HeapPicture {
  Placement placement;
  std::vector<Tile> tiles;          // column after column, in each the lowest addresses first
  std::vector<std::uint64_t> heap;  // at the moment of each column
  std::vector<std::uint64_t> live;  // bytes asked for, then
};

// Draws all operations of `source`. Requires: the frame's operations are as many.
HeapPicture draw(OperationSource& source, loam::detail::policy_kind kind, const ReplaySettings& settings,
                 const PictureFrame& frame);

}  // namespace loam::tool

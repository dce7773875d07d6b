// The heap map of a report: how full each tile of addresses was at the end of each time bucket, and the blocks that lived at the
// end of at least one, as many as the budget allows. Its size does not depend on the number of events.
#pragma once

#include <cstdint>
#include <vector>

#include "tool/model/block_shape.hpp"
#include "tool/model/report_axes.hpp"

namespace loam::tool {

struct MapBlock {
  std::uint64_t offset = 0;  // on the address axis
  std::uint64_t size = 0;
  BlockShape shape;
  std::uint32_t site = 0;
  std::uint16_t born = 0;  // bucket of its allocation
  std::uint16_t died = 0;  // bucket of its free; the number of buckets if it was never freed
};

class HeapMap {
 public:
  static constexpr std::uint8_t kUntouched = 0;
  static constexpr std::uint8_t kEmpty = 1;  // a block was there before; from 2 on: how full, 255 is full

  HeapMap(const ReportAxes& axes, std::size_t budget);

  void allocate(std::uint64_t address, std::uint64_t size) { change(address, size, 1); }
  void release(std::uint64_t address, std::uint64_t size) { change(address, size, -1); }
  void end_bucket(std::uint32_t bucket);
  void keep(const MapBlock& block);
  // Sorts what is kept by offset.
  void finish();

  // Buckets one after the other, in each all tiles.
  const std::vector<std::uint8_t>& cells() const { return cells_; }
  const std::vector<MapBlock>& blocks() const { return blocks_; }
  std::uint64_t left_out() const { return left_out_; }  // blocks, for the budget

 private:
  void change(std::uint64_t address, std::uint64_t size, int sign);
  void cut();

  const ReportAxes& axes_;
  std::size_t budget_;
  std::vector<std::uint64_t> full_;  // live bytes of each tile
  std::vector<std::uint8_t> touched_;
  std::vector<std::uint8_t> cells_;
  std::vector<MapBlock> blocks_;
  std::uint64_t left_out_ = 0;
};

}  // namespace loam::tool

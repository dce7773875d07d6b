#include "tool/model/heap_map.hpp"

#include <algorithm>
#include <tuple>

namespace loam::tool {
namespace {

// What a block covers of the picture: bytes times buckets. The largest areas stay.
std::uint64_t area(const MapBlock& block) {
  return std::max<std::uint64_t>(block.size, 1) * (block.died - std::uint64_t{block.born});
}

}  // namespace

HeapMap::HeapMap(const ReportAxes& axes, std::size_t budget)
    : axes_(axes),
      budget_(budget),
      full_(axes.addresses.tiles()),
      touched_(axes.addresses.tiles()),
      cells_(std::size_t{axes.addresses.tiles()} * axes.buckets, kUntouched) {}

void HeapMap::change(std::uint64_t address, std::uint64_t size, int sign) {
  const std::uint64_t tile = axes_.addresses.tile_bytes();
  std::uint64_t at = axes_.addresses.offset(address);
  for (std::uint64_t rest = size; rest > 0;) {
    const std::uint64_t step = std::min(rest, tile - at % tile);
    full_[at / tile] += sign > 0 ? step : 0 - step;
    touched_[at / tile] = 1;
    at += step;
    rest -= step;
  }
}

void HeapMap::end_bucket(std::uint32_t bucket) {
  std::uint8_t* column = &cells_[std::size_t{bucket} * full_.size()];
  const std::uint64_t tile = axes_.addresses.tile_bytes();
  for (std::size_t i = 0; i < full_.size(); ++i) {
    if (touched_[i] == 0) continue;
    const std::uint64_t full = std::min(full_[i], tile);
    column[i] = full == 0 ? kEmpty : static_cast<std::uint8_t>(2 + full * 253 / tile);
  }
}

void HeapMap::keep(const MapBlock& block) {
  if (block.born >= block.died) return;
  blocks_.push_back(block);
  if (blocks_.size() >= 2 * budget_) cut();
}

void HeapMap::cut() {
  if (blocks_.size() <= budget_) return;
  const auto middle = blocks_.begin() + static_cast<std::ptrdiff_t>(budget_);
  std::nth_element(blocks_.begin(), middle, blocks_.end(),
                   [](const MapBlock& a, const MapBlock& b) { return area(a) > area(b); });
  left_out_ += blocks_.size() - budget_;
  blocks_.resize(budget_);
}

void HeapMap::finish() {
  cut();
  std::sort(blocks_.begin(), blocks_.end(), [](const MapBlock& a, const MapBlock& b) {
    return std::tie(a.offset, a.born, a.died) < std::tie(b.offset, b.born, b.died);
  });
}

}  // namespace loam::tool

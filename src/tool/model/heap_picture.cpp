#include "tool/model/heap_picture.hpp"

#include <algorithm>

namespace loam::tool {
namespace {

class Painter : public PlacementWatcher {
 public:
  Painter(const PictureFrame& frame, std::uint64_t header)
      : frame_(frame), header_(header), now_(frame.rows) {}

  void came(const PlacedBlock& block) override { change(block, 1); }
  void went(const PlacedBlock& block) override { change(block, ~std::uint64_t{0}); }
  // The last column is the end.
  void settled(std::uint64_t heap) override {
    ++operations_;
    while (picture_.heap.size() < frame_.columns &&
           operations_ * frame_.columns >= (picture_.heap.size() + 1) * frame_.operations) {
      picture_.tiles.insert(picture_.tiles.end(), now_.begin(), now_.end());
      picture_.heap.push_back(heap);
      picture_.live.push_back(live_);
    }
  }

  HeapPicture take(Placement placement) {
    picture_.placement = std::move(placement);
    return std::move(picture_);
  }

 private:
  // `sign`: 1, or the number that subtracts when it is multiplied by.
  void change(const PlacedBlock& block, std::uint64_t sign) {
    live_ += block.asked * sign;
    const std::uint64_t body = block.offset + header_;
    const std::uint64_t end = block.offset + block.bytes;
    const std::uint64_t asked_end = body + block.asked;
    spread(block.offset, body, sign, &Tile::header);
    spread(body, asked_end, sign, &Tile::live);
    spread(asked_end, end, sign, &Tile::padding);
  }
  void spread(std::uint64_t from, std::uint64_t end, std::uint64_t sign, std::uint64_t Tile::* part) {
    const std::uint64_t tile = frame_.tile_bytes();
    while (from < end) {
      const std::uint64_t row = from / tile;
      const std::uint64_t step = std::min(end, (row + 1) * tile) - from;
      if (row < now_.size()) now_[row].*part += step * sign;
      from += step;
    }
  }

  PictureFrame frame_;
  std::uint64_t header_;
  std::uint64_t live_ = 0;
  std::uint64_t operations_ = 0;
  std::vector<Tile> now_;
  HeapPicture picture_;
};

}  // namespace

HeapPicture draw(OperationSource& source, loam::detail::policy_kind kind, const ReplaySettings& settings,
                 const PictureFrame& frame) {
  Painter painter(frame, settings.policy.header);
  const auto simulation = simulate(kind, settings, &painter);
  DemandCount count;
  std::vector<Operation> operations;
  for (source.next(operations); !operations.empty(); source.next(operations))
    simulation->apply(count.count(operations));
  return painter.take(simulation->finish());
}

}  // namespace loam::tool

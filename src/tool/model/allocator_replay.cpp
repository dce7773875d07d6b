#include "tool/model/allocator_replay.hpp"

#include <algorithm>

namespace loam::tool {
namespace {

template <class Value>
Value median(const std::vector<AllocatorRound>& rounds, Value (*of)(const AllocatorRound&)) {
  std::vector<Value> values;
  for (const AllocatorRound& round : rounds) values.push_back(of(round));
  if (values.empty()) return {};
  std::sort(values.begin(), values.end());
  const std::size_t middle = values.size() / 2;
  return values.size() % 2 != 0 ? values[middle] : (values[middle - 1] + values[middle]) / 2;
}

}  // namespace

double AllocatorReplay::cpu_seconds() const {
  return median<double>(rounds, [](const AllocatorRound& round) { return round.cpu_seconds; });
}
double AllocatorReplay::wall_seconds() const {
  return median<double>(rounds, [](const AllocatorRound& round) { return round.wall_seconds; });
}
std::uint64_t AllocatorReplay::faults() const {
  return median<std::uint64_t>(
      rounds, [](const AllocatorRound& round) { return round.minor_faults + round.major_faults; });
}
std::uint64_t AllocatorReplay::peak_bytes() const {
  return median<std::uint64_t>(rounds, [](const AllocatorRound& round) { return round.peak_bytes; });
}

std::size_t recommended(const std::vector<AllocatorReplay>& replays) {
  std::uint64_t least = ~std::uint64_t{0};
  for (const AllocatorReplay& one : replays) least = std::min(least, one.peak_bytes());
  std::size_t best = 0;
  double best_seconds = 1e300;
  for (std::size_t i = 0; i < replays.size(); ++i) {
    if (replays[i].peak_bytes() > least + least / 10 || replays[i].cpu_seconds() >= best_seconds) continue;
    best = i;
    best_seconds = replays[i].cpu_seconds();
  }
  return best;
}

}  // namespace loam::tool

#include "tool/model/demand.hpp"

#include <algorithm>

namespace loam::tool {

Piece DemandCount::count(std::span<const Operation> operations) {
  constexpr std::size_t kAhead = 16;  // the sizes of a million blocks are in no cache
  Live& live = live_[pieces_++ % live_.size()];
  live.bytes.resize(operations.size());
  live.inverse_sums.resize(operations.size());
  for (const Operation& operation : operations)
    demand_.block_numbers = std::max(demand_.block_numbers, operation.block + 1);
  if (demand_.block_numbers > sizes_.size()) sizes_.resize(demand_.block_numbers + sizes_.size() / 2);
  Piece piece{operations, live.bytes, live.inverse_sums};
  piece.block_numbers = demand_.block_numbers;
  double sum = 0;
  for (std::size_t i = 0; i < operations.size(); ++i) {
    if (i + kAhead < operations.size()) __builtin_prefetch(&sizes_[operations[i + kAhead].block], 1);
    const std::uint64_t peak = demand_.peak_bytes;
    count_one(operations[i]);
    if (demand_.peak_bytes > peak) {
      piece.peak_end = i + 1;
      piece.peak_blocks = demand_.live_blocks;
    }
    if (demand_.live_bytes != 0) {
      sum += 1 / static_cast<double>(demand_.live_bytes);
      ++piece.with_live;
    }
    live.bytes[i] = demand_.live_bytes;
    live.inverse_sums[i] = sum;
  }
  demand_.operations += operations.size();
  return piece;
}

void DemandCount::count_one(const Operation& operation) {
  std::uint64_t& size = sizes_[operation.block];
  demand_.live_bytes -= operation.kind == OperationKind::kAllocate ? 0 : size;
  size = operation.kind == OperationKind::kRelease ? 0 : operation.size;
  demand_.live_bytes += size;
  demand_.live_blocks += operation.kind == OperationKind::kAllocate ? 1 : 0;
  demand_.live_blocks -= operation.kind == OperationKind::kRelease ? 1 : 0;
  demand_.allocations += operation.kind == OperationKind::kAllocate ? 1 : 0;
  demand_.releases += operation.kind == OperationKind::kRelease ? 1 : 0;
  demand_.resizes += operation.kind == OperationKind::kResize ? 1 : 0;
  demand_.largest = std::max(demand_.largest, size);
  demand_.peak_bytes = std::max(demand_.peak_bytes, demand_.live_bytes);
  demand_.peak_blocks = std::max(demand_.peak_blocks, demand_.live_blocks);
}

}  // namespace loam::tool

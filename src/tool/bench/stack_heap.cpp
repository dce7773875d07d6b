#include "tool/bench/stack_heap.hpp"

#include "tool/bench/spawn.hpp"
#include "tool/model/failure.hpp"
#include "tool/model/files.hpp"
#include "tool/model/json_value.hpp"

namespace loam::tool::bench {
namespace {

StackHeapCell read_cell(const Json& entry) {
  StackHeapCell cell;
  cell.placement = entry.at("placement").get<std::string>();
  cell.lifetime = entry.at("lifetime").get<std::string>();
  cell.size = entry.at("size").get<std::uint64_t>();
  if (!entry.at("reason").is_null()) {
    cell.reason = entry.at("reason").get<std::string>();
    return cell;
  }
  cell.nanoseconds = entry.at("ns").get<double>();
  cell.minor_faults = entry.at("minor_faults").get<double>();
  cell.kernel_calls = entry.at("kernel_calls").get<double>();
  if (entry.contains("stride")) cell.stride = entry.at("stride").get<double>();
  if (entry.at("cache_misses").is_null()) {
    cell.cache_reason = entry.at("cache_reason").get<std::string>();
  } else {
    cell.cache_misses = entry.at("cache_misses").get<double>();
  }
  return cell;
}

}  // namespace

StackHeap run_stack_heap(const std::vector<Allocator>& allocators, const Places& places) {
  StackHeap result;
  for (const Allocator& allocator : allocators) {
    const std::string output = places.scratch + "/stack-heap";
    const int status =
        run_plainly({places.measure, "--result", places.scratch + "/result", "--stdout", output, "--env",
                     "LD_PRELOAD=" + allocator.library, "--timeout", "60", "--", places.stack_heap});
    const Json list = Json::parse_or_null(read_file(output).value_or(""));
    if (status != 0 || !list.is_array()) {
      throw Failure(kExitFailure, "loam-stack-heap failed under " + allocator.name);
    }
    std::vector<StackHeapCell> cells;
    for (const Json& entry : list) cells.push_back(read_cell(entry));
    result.contestants.push_back(allocator.name);
    result.cells.push_back(std::move(cells));
  }
  return result;
}

}  // namespace loam::tool::bench

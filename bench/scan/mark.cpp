// How fast the heap is marked, by the marker and by what it might have been: figures for the decision on the marker.
//   scan-mark [order|random|records] [BLOCKS] [ROUNDS]
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include "graph.hpp"
#include "runtime/heap_view.hpp"
#include "scan/mark_helper.hpp"
#include "scan/marker.hpp"
#include "sys/kernel.hpp"

namespace {

using namespace loam;

// Every word is asked of the heap itself; blocks wait in a stack, behind a queue of kQueue that are being fetched.
template <unsigned kQueue>
uint64_t mark_by_find(uint64_t root) {
  static std::vector<uint8_t> marks(heap::regions.window_slices() * meta::kSlice / 16);
  std::fill(marks.begin(), marks.end(), uint8_t{0});
  const uint64_t low = reinterpret_cast<uint64_t>(heap::page_map.address_of(0));
  const uint64_t extent = heap::regions.window_slices() * meta::kSlice;
  std::vector<std::pair<char*, size_t>> stack;
  std::pair<char*, size_t> queue[kQueue + 1];
  unsigned at = 0;
  unsigned waiting = 0;
  uint64_t found = 0;
  const auto look = [&](uint64_t word) {
    if (word - low >= extent) return;
    const heap::Found block = heap::find(reinterpret_cast<void*>(word));
    if (block.where != heap::Where::kLive) return;
    uint8_t& mark = marks[(reinterpret_cast<uint64_t>(block.block) - low) / 16];
    if (mark != 0) return;
    mark = 1;
    ++found;
    stack.emplace_back(block.block, block.size);
  };
  look(root);
  while (!stack.empty() || waiting > 0) {
    if (waiting < kQueue && !stack.empty()) {
      queue[(at + waiting++) % (kQueue + 1)] = stack.back();
      __builtin_prefetch(stack.back().first);
      __builtin_prefetch(stack.back().first + 64);
      stack.pop_back();
      continue;
    }
    std::pair<char*, size_t> next;
    if (kQueue == 0) {
      next = stack.back();
      stack.pop_back();
    } else {
      next = queue[at];
      at = (at + 1) % (kQueue + 1);
      --waiting;
    }
    for (size_t i = 0; i < next.second; i += 8) look(*reinterpret_cast<uint64_t*>(next.first + i));
  }
  return found;
}

struct Result {
  double build_ms;
  double mark_ms;
  uint64_t blocks;
};

Result mark_by_map(uint64_t root) {
  scan::Scratch scratch;
  scan::BlockMap map;
  const uint64_t begin = sys::thread_cpu_ns();
  if (!map.build(runtime::view_of_heap(), scratch)) std::abort();
  scan::BlockSet open = map.copy(map.live(), scratch);
  scan::Marker marker(map, open, nullptr);
  if (!marker.prepare(scratch)) std::abort();
  const uint64_t built = sys::thread_cpu_ns();
  marker.add_word(root);
  marker.drain();
  const uint64_t end = sys::thread_cpu_ns();
  return {static_cast<double>(built - begin) / 1e6, static_cast<double>(end - built) / 1e6, marker.blocks()};
}

// By the clock, since two processors work.
Result mark_by_two(uint64_t root) {
  scan::Scratch scratch;
  scan::BlockMap map;
  scan::Readable readable;
  if (!map.build(runtime::view_of_heap(), scratch) || !readable.prepare(scratch, 1)) std::abort();
  scan::BlockSet open = map.copy(map.live(), scratch);
  scan::Marker marker(map, open, nullptr);
  if (!marker.prepare(scratch)) std::abort();
  const uint64_t built = sys::monotonic_ns();
  scan::MarkHelper* helper = scan::MarkHelper::start(map, open, readable, scratch);
  if (helper != nullptr && helper->pool().enter()) marker.share(helper->pool());
  marker.add_word(root);
  marker.drain();
  const uint64_t end = sys::monotonic_ns();
  if (helper != nullptr) helper->finish();
  const uint64_t others = helper == nullptr ? 0 : helper->marker().blocks();
  return {0, static_cast<double>(end - built) / 1e6, marker.blocks() + others};
}

Result timed(uint64_t (*mark)(uint64_t), uint64_t root) {
  const uint64_t begin = sys::thread_cpu_ns();
  const uint64_t blocks = mark(root);
  return {0, static_cast<double>(sys::thread_cpu_ns() - begin) / 1e6, blocks};
}

void print(const char* name, std::vector<Result>& results) {
  std::sort(results.begin(), results.end(), [](auto& a, auto& b) { return a.mark_ms < b.mark_ms; });
  const Result& median = results[results.size() / 2];
  std::printf("  %-32s %8.1f ms (median %8.1f), %5.1f ns a block, map %5.2f ms, %lu blocks\n", name,
              results[0].mark_ms, median.mark_ms,
              results[0].mark_ms * 1e6 / static_cast<double>(results[0].blocks), results[0].build_ms,
              static_cast<unsigned long>(results[0].blocks));
}

}  // namespace

int main(int argc, char** argv) {
  const std::string_view kind = argc > 1 ? argv[1] : "order";
  const uint64_t blocks = argc > 2 ? std::strtoull(argv[2], nullptr, 10) : 2'000'000;
  const uint64_t rounds = argc > 3 ? std::strtoull(argv[3], nullptr, 10) : 7;
  test::HeapUser user;
  const bench::Graph graph = kind == "records" ? bench::make_records(user, blocks, 4711)
                                               : bench::make_graph(user, blocks, kind == "random", 4711);
  const auto root = reinterpret_cast<uint64_t>(*graph.root);
  std::printf("%s: %lu blocks, %.0f MB, %.0f MB of it asked for as huge pages\n", std::string(kind).c_str(),
              static_cast<unsigned long>(graph.blocks), static_cast<double>(graph.bytes) / 1e6,
              static_cast<double>(heap::regions.advised_bytes()) / 1e6);
  std::vector<Result> plain, fetched, mapped, helped;
  for (uint64_t i = 0; i < rounds; ++i) {
    if (argc <= 4) plain.push_back(timed(mark_by_find<0>, root));
    if (argc <= 4) fetched.push_back(timed(mark_by_find<8>, root));
    mapped.push_back(mark_by_map(root));
    helped.push_back(mark_by_two(root));
  }
  if (!plain.empty()) print("heap::find", plain);
  if (!fetched.empty()) print("heap::find, queue of 8", fetched);
  print("marker", mapped);
  print("marker and helper, by the clock", helped);
  return 0;
}

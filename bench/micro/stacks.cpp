// The price of a stack: captures at depth 20 and 40, of one stack again and again, of stacks that alternate, and of stacks that were never
// seen; beside libgcc's _Unwind_Backtrace. The functions have no frame pointers and frames of different sizes.
//   stacks [ROUNDS]       nanoseconds a capture: minimum, median, 90th and 99th percentile
#include <unwind.h>
#include <x86intrin.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <random>
#include <vector>

#include "stack/stack.hpp"
#include "stack/walk.hpp"

namespace {

using namespace loam::stack;

enum class Way { kMemo, kWalk, kLibgcc };

struct Run {
  Way way = Way::kMemo;
  int repeats = 1;  // captures in each innermost function
  std::vector<uint32_t>* ticks = nullptr;
  uint64_t sink = 0;
};

Run run;
Memo* memo;
uint64_t ticks_per_microsecond;
uint32_t floor_ticks;

_Unwind_Reason_Code count_frame(_Unwind_Context* context, void* sum) {
  *static_cast<uint64_t*>(sum) += _Unwind_GetIP(context);
  return _URC_NO_REASON;
}

// As a mode above would be called: an exported function, a slow path below it, the capture.
[[gnu::noinline]] void slow_path(const void* inside) {
  Registers here;
  Registers::here(here);
  run.sink += run.way == Way::kLibgcc ? 0 : capture_id(run.way == Way::kMemo ? memo : nullptr, here, inside);
  if (run.way == Way::kLibgcc) _Unwind_Backtrace(count_frame, &run.sink);
}

[[gnu::noinline]] void allocation() {
  slow_path(__builtin_dwarf_cfa());
  asm volatile("");
}

[[gnu::noinline]] void innermost() {
  unsigned processor;
  for (int i = 0; i < run.repeats; ++i) {
    _mm_lfence();
    const uint64_t start = __rdtsc();
    allocation();
    const auto ticks = static_cast<uint32_t>(__rdtscp(&processor) - start);
    run.ticks->push_back(ticks > floor_ticks ? ticks - floor_ticks : 0);
  }
}

constexpr size_t kDeepest = 40;

// Two functions a level, of different frame sizes; bit `Level` of the path says which one is called.
template <size_t Level, size_t Variant>
[[gnu::noinline]] void level(uint64_t path, int depth) {
  [[maybe_unused]] volatile char room[16 + Level % 5 * 24 + Variant * 8];
  room[0] = 0;
  if (depth <= 1) {
    innermost();
  } else if constexpr (Level + 1 < kDeepest) {
    if ((path >> Level & 1) != 0)
      level<Level + 1, 1>(path, depth - 1);
    else
      level<Level + 1, 0>(path, depth - 1);
  }
  room[1] = 0;
  asm volatile("");
}

// A stack of `depth` frames from allocation's caller to main's caller's caller.
void call(uint64_t path, int depth) {
  constexpr int kOutside = 7;  // innermost, measure, scenarios, main and the two of libc, _start
  level<0, 0>(path, depth - kOutside);
  asm volatile("");
}

void report(const char* what, int depth, std::vector<uint32_t>& ticks) {
  std::sort(ticks.begin(), ticks.end());
  const auto at = [&](double share) {
    const auto index = static_cast<size_t>(share * static_cast<double>(ticks.size() - 1));
    return 1000.0 * ticks[index] / static_cast<double>(ticks_per_microsecond);
  };
  std::printf("%-44s %5d %9.0f %9.0f %9.0f %9.0f\n", what, depth, at(0), at(0.5), at(0.9), at(0.99));
}

// `count` paths that differ in the levels of `mask`, in random order.
void scenario(const char* what, Way way, int depth, unsigned count, uint64_t mask, int rounds, int repeats) {
  std::mt19937_64 random(7);
  std::vector<uint64_t> paths(count);
  for (uint64_t& path : paths) path = random() & mask;
  std::vector<uint32_t> ticks;
  ticks.reserve(static_cast<size_t>(rounds) * static_cast<size_t>(repeats));
  run = {way, repeats, &ticks, 0};
  for (unsigned i = 0; i < 4 * count; ++i) call(paths[i % count], depth);
  ticks.clear();
  for (int i = 0; i < rounds; ++i) call(paths[random() % count], depth);
  report(what, depth, ticks);
}

void calibrate() {
  unsigned processor;
  const auto begin = std::chrono::steady_clock::now();
  const uint64_t start = __rdtsc();
  while (std::chrono::steady_clock::now() - begin < std::chrono::milliseconds(50)) continue;
  ticks_per_microsecond = (__rdtsc() - start) / 50000;
  floor_ticks = ~0u;
  for (int i = 0; i < 10000; ++i) {
    _mm_lfence();
    const uint64_t from = __rdtsc();
    floor_ticks = std::min(floor_ticks, static_cast<uint32_t>(__rdtscp(&processor) - from));
  }
}

}  // namespace

int main(int argc, char** argv) {
  const int rounds = argc > 1 ? std::atoi(argv[1]) : 200000;
  prepare();
  memo = attach_memo();
  calibrate();
  std::printf("%-44s %5s %9s %9s %9s %9s\n", "stacks", "depth", "min", "median", "p90", "p99");
  for (const int depth : {20, 40}) {
    const uint64_t all = ~uint64_t{0};
    scenario("the same one again", Way::kMemo, depth, 1, 0, rounds / 100, 100);
    scenario("the same one, calls in between", Way::kMemo, depth, 1, 0, rounds, 1);
    const uint64_t inner = 0xfull << (depth - 12);
    scenario("2 that differ in the inner 4 frames", Way::kMemo, depth, 2, inner, rounds, 1);
    scenario("16 that differ in the inner 4", Way::kMemo, depth, 16, inner, rounds, 1);
    scenario("16 that differ in the outer 4", Way::kMemo, depth, 16, 0xf, rounds, 1);
    scenario("16 that differ anywhere", Way::kMemo, depth, 16, all, rounds, 1);
    scenario("200 that differ anywhere", Way::kMemo, depth, 200, all, rounds, 1);
    scenario("2000 that differ anywhere", Way::kMemo, depth, 2000, all, rounds, 1);
    scenario("walk by rows, without a memo, 16 anywhere", Way::kWalk, depth, 16, all, rounds / 4, 1);
    scenario("libgcc, 16 anywhere", Way::kLibgcc, depth, 16, all, rounds / 40, 1);
  }
  const MemoCounts& counts = memo->counts();
  std::printf("memo: %lu captures, %lu looks, %lu built, %lu nodes, %lu segments, %lu refused\n",
              counts.captures, counts.lookups, counts.built, counts.nodes, counts.segments, counts.refused);
  return 0;
}

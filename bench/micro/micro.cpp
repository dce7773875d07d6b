// The micro-benchmarks under Google Benchmark: every operation of `pairs` and `icount`, with its statistics and output
// formats. Preload the malloc to be measured: LD_PRELOAD=libloam.so micro --benchmark_filter=pair
#include <benchmark/benchmark.h>

#include <algorithm>
#include <string>

#include "micro/operations.hpp"

namespace {

using loam::bench::Operation;

constexpr long kPairsPerIteration = 1000;

void measure(benchmark::State& state, const Operation& operation) {
  const long units = std::max(kPairsPerIteration / operation.weight, 1L);
  operation.run(operation.size, units);
  // NOLINTNEXTLINE(clang-analyzer-deadcode.DeadStores): the library counts by this variable's lifetime.
  for (auto _ : state) operation.run(operation.size, units);
  const double pairs = static_cast<double>(units) * operation.pairs;
  state.counters["pair"] =
      benchmark::Counter(pairs, benchmark::Counter::kIsIterationInvariantRate | benchmark::Counter::kInvert);
  if (operation.name.starts_with("realloc")) {
    state.counters["slack"] = loam::bench::slack_after_chain(operation.size);
  }
}

}  // namespace

int main(int argc, char** argv) {
  for (const Operation& operation : loam::bench::operations()) {
    auto* registered =
        benchmark::RegisterBenchmark(std::string(operation.name).c_str(),
                                     [operation](benchmark::State& state) { measure(state, operation); });
    // CPU time of the main thread tells nothing about work that waits for another one.
    const auto threaded = loam::bench::threaded_operations();
    const bool is_threaded = std::any_of(threaded.begin(), threaded.end(), [&](const Operation& other) {
      return other.name == operation.name;
    });
    if (is_threaded) registered->UseRealTime();
  }
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 2;
  benchmark::RunSpecifiedBenchmarks();
  benchmark::Shutdown();
  return 0;
}

// `loam bench`: loam's malloc against the others over a fixed list of programs and workloads.

#include <cstdio>
#include <memory>

#include "tool/bench/contest.hpp"
#include "tool/bench/report.hpp"
#include "tool/commands/commands.hpp"
#include "tool/commands/output_options.hpp"
#include "tool/commands/progress.hpp"
#include "tool/render/text.hpp"

namespace loam::tool {
namespace {

constexpr int kDefaultRounds = 3;

struct BenchOptions {
  OutputOptions output;
  std::string allocators = "loam,glibc,jemalloc,mimalloc,tcmalloc";
  std::string only;
  std::string cache;
  int rounds = kDefaultRounds;
  bool is_quick = false;
};

// The scratch directory goes however the command ends.
struct PlacesOfRun {
  bench::Places places;
  explicit PlacesOfRun(const std::string& cache) : places(bench::find_places(cache)) {}
  ~PlacesOfRun() { bench::leave_places(places); }
  PlacesOfRun(const PlacesOfRun&) = delete;
  PlacesOfRun& operator=(const PlacesOfRun&) = delete;
};

void run_contest(const BenchOptions& options) {
  const auto allocators = bench::parse_allocators(options.allocators);
  const PlacesOfRun run(options.cache);
  const auto rows = bench::load_rows(run.places, options.only);
  const int rounds = options.is_quick ? 1 : options.rounds;
  const bench::Contest contest = bench::hold_contest(rows, allocators, rounds, run.places, show_progress);
  write_output(options.output.output, stdout,
               options.output.json() ? bench::contest_json(contest) : bench::contest_text(contest));
}

void run_stack_heap(const BenchOptions& options) {
  const auto allocators = bench::parse_allocators(options.allocators);
  const PlacesOfRun run(options.cache);
  const bench::StackHeap result = bench::run_stack_heap(allocators, run.places);
  write_output(options.output.output, stdout,
               options.output.json() ? bench::stack_heap_json(result) : bench::stack_heap_text(result));
}

void add_common(CLI::App& command, BenchOptions& options) {
  add_text(command, "--allocators", options.allocators, "LIST",
           "Contestants, by commas: loam, glibc, jemalloc, mimalloc, tcmalloc, LIBRARY or NAME=LIBRARY");
  options.output.add_to(command, "standard output");
}

void register_stack_heap(CLI::App& parent) {
  CLI::App& command = add_command(
      parent, "stack-heap", "Compare local arrays, alloca, an arena and malloc for the same objects",
      "Time, page faults, kernel calls, distances and (where the machine counts them) cache misses, by "
      "size and lifetime.\n\n"
      "Exit status: 0 measured, 1 a run failed, 2 wrong usage or something is missing.\n\n"
      "Example:\n"
      "  loam bench stack-heap --allocators loam,glibc");
  auto options = std::make_shared<BenchOptions>();
  add_common(command, *options);
  on_run(command, [options] { run_stack_heap(*options); });
}

}  // namespace

void register_bench(CLI::App& app) {
  CLI::App& command = add_command(
      app, "bench", "Measure loam against other mallocs over programs and workloads",
      "Runs are interleaved in rotating order; reported are medians, ratios to glibc and geomeans. glibc is "
      "measured\n"
      "twice: what its two copies differ by is the noise, and only beyond it a row counts as lost. Nothing "
      "of the\n"
      "user's environment reaches the programs. The dynamic linker's own record proves who serves malloc.\n\n"
      "Exit status: 0 measured, 1 a run failed or was served by the wrong malloc, 2 wrong usage or something "
      "is missing.\n\n"
      "Examples:\n"
      "  loam bench --quick\n"
      "  loam bench --only python --rounds 5\n"
      "  loam bench --allocators glibc,mine=/opt/lib/libmine.so --format json --output result.json");
  auto options = std::make_shared<BenchOptions>();
  add_common(command, *options);
  add_number(command, "--rounds", options->rounds, 1, 100,
             "Times that every row is run under every contestant");
  add_flag(command, "--quick", options->is_quick, "One round: under three minutes, not for conclusions");
  add_text(command, "--only", options->only, "TEXT", "Only the rows whose name contains TEXT");
  add_text(command, "--cache", options->cache, "DIRECTORY",
           "Where generated inputs are kept (default ~/.cache/loam/bench)");
  register_stack_heap(command);
  on_run(command, [&command, options] {
    if (is_innermost(command)) run_contest(*options);
  });
}

}  // namespace loam::tool

// pairs: nanoseconds of a malloc and its free in a bare loop, for a quick comparison of preloaded mallocs.
//
// Each contestant runs in a process of its own; the processes are interleaved and repeated, so that a slow
// phase of the machine meets all of them. A process times many short repetitions; printed are the minimum
// (what the code can do) and the median (what it did) per pair. The loop is not subtracted: operation "loop"
// tells what it costs.
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "micro/options.hpp"
#include "tool/model/failure.hpp"

namespace {

using loam::bench::Arguments;
using loam::bench::kUsageStatus;
using loam::bench::Operation;
using loam::tool::bench::Allocator;

constexpr std::size_t kRepetitions = 200;
constexpr std::size_t kLeastRepetitions = 5;
constexpr double kLongestNanoseconds = 0.4e9;  // of one process: long operations are repeated less often
constexpr long kNanosecondsPerRepetition = 50000;
constexpr int kMeasureFailed = 1;

double now_ns() {
  timespec time{};
  clock_gettime(CLOCK_MONOTONIC, &time);
  return static_cast<double>(time.tv_sec) * 1e9 + static_cast<double>(time.tv_nsec);
}

// Units that take about one repetition's time: long enough for the clock, short enough to fall between two
// interrupts.
long calibrate(const Operation& operation) {
  operation.run(operation.size, 1);  // the first unit also sets the malloc and the other thread up
  long units = 1;
  for (;;) {
    const double start = now_ns();
    operation.run(operation.size, units);
    if (now_ns() - start >= kNanosecondsPerRepetition || units >= (1L << 24)) return units;
    units *= 2;
  }
}

// The child's side: prints "minimum median" in nanoseconds per pair.
int run_timed(const std::string& name) {
  const Operation* operation = loam::bench::find_operation(name);
  if (operation == nullptr) return kUsageStatus;
  const long units = calibrate(*operation);
  std::vector<double> times;
  times.reserve(kRepetitions);
  const double begin = now_ns();
  while (times.size() < kRepetitions) {
    if (times.size() >= kLeastRepetitions && now_ns() - begin > kLongestNanoseconds) break;
    const double start = now_ns();
    operation->run(operation->size, units);
    times.push_back((now_ns() - start) / static_cast<double>(units) / operation->pairs);
  }
  std::sort(times.begin(), times.end());
  std::printf("%.4f %.4f\n", times.front(), times[times.size() / 2]);
  return 0;
}

std::pair<double, double> time_once(const Allocator& allocator, const Operation& operation) {
  int channel[2];
  if (pipe(channel) != 0) return {-1, -1};
  const pid_t child = fork();
  if (child == 0) {
    dup2(channel[1], STDOUT_FILENO);
    close(channel[0]);
    preload(allocator);
    const std::string name(operation.name);
    execl("/proc/self/exe", "pairs", "--timed", name.c_str(), nullptr);
    _exit(kUsageStatus);
  }
  close(channel[1]);
  std::FILE* input = fdopen(channel[0], "r");
  std::pair<double, double> result{-1, -1};
  const bool is_read = input != nullptr && std::fscanf(input, "%lf %lf", &result.first, &result.second) == 2;
  if (input != nullptr) std::fclose(input);
  int status = 0;
  waitpid(child, &status, 0);
  if (!is_read || status != 0) return {-1, -1};
  return result;
}

loam::bench::Command command() {
  return {"pairs",
          "Nanoseconds of a malloc and its free in a bare loop, minimum and median, interleaved processes.",
          "--rounds",
          "processes of each contestant",
          5,
          "Exit status: 0 measured, 1 a child failed, 2 usage or a missing library.\n\n"
          "Example: pairs --allocators loam,glibc pair16 batchlifo64",
          loam::bench::operations()};
}

// One line of the table: minimum over all processes and median of their medians, for each contestant.
bool measure(const Operation& operation, const Arguments& arguments) {
  std::map<std::string, std::vector<std::pair<double, double>>> results;
  const std::size_t count = arguments.allocators.size();
  for (long round = 0; round < arguments.number; ++round) {
    for (std::size_t i = 0; i < count; ++i) {
      const Allocator& allocator = arguments.allocators[(i + static_cast<std::size_t>(round)) % count];
      const auto result = time_once(allocator, operation);
      if (result.first < 0) {
        std::fprintf(stderr, "pairs: %s failed under %s\n", std::string(operation.name).c_str(),
                     allocator.name.c_str());
        return false;
      }
      results[allocator.name].push_back(result);
    }
  }
  std::printf("%-14s", std::string(operation.name).c_str());
  for (const Allocator& allocator : arguments.allocators) {
    auto& list = results[allocator.name];
    double minimum = list.front().first;
    for (const auto& [best, median] : list) minimum = std::min(minimum, best);
    std::sort(list.begin(), list.end(), [](const auto& a, const auto& b) { return a.second < b.second; });
    std::printf(" %11.2f/%11.2f", minimum, list[list.size() / 2].second);
  }
  std::printf("\n");
  std::fflush(stdout);
  return true;
}

}  // namespace

int main(int argc, char** argv) {
  const std::vector<std::string> words(argv + 1, argv + argc);
  if (words.size() == 2 && words[0] == "--timed") return run_timed(words[1]);
  try {
    const Arguments arguments = parse_arguments(command(), words);
    std::printf("%-14s", "ns min/median");
    for (const Allocator& allocator : arguments.allocators) std::printf(" %23s", allocator.name.c_str());
    std::printf("\n");
    for (const Operation* operation : arguments.chosen) {
      if (!measure(*operation, arguments)) return kMeasureFailed;
    }
  } catch (const loam::tool::Failure& error) {
    std::fprintf(stderr, "pairs: %s\n", error.what());
    return kUsageStatus;
  }
  return 0;
}

// icount: how many instructions a malloc and its free execute, exactly, for any preloaded malloc.
//
// The child warms an operation up, stops, and is then single-stepped by its parent through some hundred units
// of it. Each step is one instruction; marker instructions separate the units, so that the common case (the
// median), the best and the worst unit are told apart: the difference is what the slow path adds now and
// then. The call, the PLT entry and the moves of arguments count as part of the pair; the loop's own
// instructions (operation "loop") are subtracted from the column "pair" and are part of the column "with
// loop". No hardware counter is needed.
#include <fcntl.h>
#include <sys/ptrace.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

#include "micro/options.hpp"
#include "tool/model/failure.hpp"

namespace {

using loam::bench::Arguments;
using loam::bench::kUsageStatus;
using loam::bench::Operation;
using loam::tool::bench::Allocator;

constexpr long kWarmUnits = 20000;
constexpr int kMeasureFailed = 1;

struct Counts {
  std::vector<long> units;  // instructions from one marker to the next, the marker included

  long at(double quantile) const {
    return units[static_cast<std::size_t>(quantile * static_cast<double>(units.size() - 1))];
  }
  double mean() const {
    double sum = 0;
    for (const long count : units) sum += static_cast<double>(count);
    return sum / static_cast<double>(units.size());
  }
};

[[noreturn]] void fail(const std::string& what) {
  std::fprintf(stderr, "icount: %s\n", what.c_str());
  std::exit(kMeasureFailed);
}

// The child's side: the same calls a user makes, never a step through the start-up of the program.
int run_traced(const char* name, const char* units) {
  const Operation* operation = loam::bench::find_operation(name);
  if (operation == nullptr) return kUsageStatus;
  operation->run(operation->size, kWarmUnits / operation->weight);
  if (ptrace(PTRACE_TRACEME, 0, nullptr, nullptr) != 0) return kUsageStatus;
  std::raise(SIGSTOP);
  operation->run(operation->size, std::atol(units));
  return 0;
}

enum class Mark { kNone, kUnit, kEnd };

// x86-64 only: the marker is an instruction of that architecture (nopl disp32(%rax)).
Mark mark_at_counter(pid_t child) {
  const long counter = ptrace(PTRACE_PEEKUSER, child, offsetof(user_regs_struct, rip), nullptr);
  const long word = ptrace(PTRACE_PEEKTEXT, child, counter, nullptr);
  std::uint8_t bytes[8];
  std::memcpy(bytes, &word, sizeof bytes);
  if (bytes[0] != 0x0f || bytes[1] != 0x1f || bytes[2] != 0x80) return Mark::kNone;
  std::uint32_t operand = 0;
  std::memcpy(&operand, bytes + 3, sizeof operand);
  if (operand == loam::bench::kUnitMark) return Mark::kUnit;
  return operand == loam::bench::kEndMark ? Mark::kEnd : Mark::kNone;
}

Counts step_through(pid_t child) {
  Counts counts;
  long since_mark = 0;
  bool seen_mark = false;
  for (;;) {
    if (ptrace(PTRACE_SINGLESTEP, child, nullptr, nullptr) != 0) fail("single-stepping is refused (ptrace)");
    int status = 0;
    if (waitpid(child, &status, 0) != child) fail("the traced child is lost");
    if (!WIFSTOPPED(status)) fail("the traced child ended before its last unit");
    ++since_mark;
    const Mark mark = mark_at_counter(child);
    if (mark == Mark::kNone) continue;
    if (seen_mark) counts.units.push_back(since_mark);
    seen_mark = true;
    since_mark = 0;
    if (mark == Mark::kEnd) break;
  }
  kill(child, SIGKILL);
  waitpid(child, nullptr, 0);
  std::sort(counts.units.begin(), counts.units.end());
  return counts;
}

Counts count(const Allocator& allocator, const Operation& operation, long pairs) {
  const long units = std::max(pairs / operation.weight, 3L);
  const pid_t child = fork();
  if (child < 0) fail("fork failed");
  if (child == 0) {
    preload(allocator);
    const std::string name(operation.name);
    execl("/proc/self/exe", "icount", "--traced", name.c_str(), std::to_string(units).c_str(), nullptr);
    _exit(kUsageStatus);
  }
  int status = 0;
  if (waitpid(child, &status, WUNTRACED) != child || !WIFSTOPPED(status) || WSTOPSIG(status) != SIGSTOP) {
    fail(allocator.name + ": the child did not reach " + std::string(operation.name) +
         " (ptrace refused, or it died)");
  }
  return step_through(child);
}

void report(const Allocator& allocator, const Operation& operation, const Counts& counts, double loop) {
  const double pairs = operation.pairs;
  const double per_pair = (static_cast<double>(counts.at(0.5)) - loop) / pairs;
  std::printf("%-10s %-13s %9.1f %9.1f %9.1f %9.1f %9.1f\n", allocator.name.c_str(),
              std::string(operation.name).c_str(), per_pair, per_pair + (loop - 1) / pairs,
              (static_cast<double>(counts.units.front()) - loop) / pairs,
              (static_cast<double>(counts.units.back()) - loop) / pairs, (counts.mean() - loop) / pairs);
  std::fflush(stdout);
}

// The loop alone is subtracted from each operation; what makes threads or asks the kernel cannot be stepped through.
std::vector<Operation> countable_operations() {
  std::vector<Operation> countable;
  for (const Operation& operation : loam::bench::plain_operations()) {
    if (operation.is_countable && operation.name != "loop") countable.push_back(operation);
  }
  return countable;
}

loam::bench::Command command() {
  return {"icount",
          "Counts the instructions of a malloc and its free by single-stepping (call and PLT included).",
          "--units",
          "pairs to step through, about; at least three units of the operation",
          200,
          "Columns: pair = median without the loop; with loop = the same with the loop's instructions, as a\n"
          "cycle counter around the loop would see it; min, max, mean without the loop.\n"
          "Exit status: 0 counted, 1 the measurement failed, 2 usage or a missing library.\n\n"
          "Example: icount --allocators loam,mimalloc pair16 pair4096",
          countable_operations()};
}

}  // namespace

int main(int argc, char** argv) {
  const std::vector<std::string> words(argv + 1, argv + argc);
  if (words.size() == 3 && words[0] == "--traced") return run_traced(words[1].c_str(), words[2].c_str());
  try {
    const Arguments arguments = parse_arguments(command(), words);
    const Operation& loop = *loam::bench::find_operation("loop");
    std::printf("%-10s %-13s %9s %9s %9s %9s %9s\n", "allocator", "operation", "pair", "with loop", "min",
                "max", "mean");
    for (const Operation* operation : arguments.chosen) {
      for (const Allocator& allocator : arguments.allocators) {
        const double loop_count = static_cast<double>(count(allocator, loop, arguments.number).at(0.5));
        report(allocator, *operation, count(allocator, *operation, arguments.number), loop_count);
      }
    }
  } catch (const loam::tool::Failure& error) {
    std::fprintf(stderr, "icount: %s\n", error.what());
    return kUsageStatus;
  }
  return 0;
}

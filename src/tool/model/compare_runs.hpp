// One program under several allocators, in rounds: what it took, and whether it did the same.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

namespace loam::tool {

struct Candidate {
  std::string name;
  std::string allocator;  // glibc, loam, jemalloc...
  std::string policy;     // empty: the allocator's own
  std::string source;     // mmap, sbrk, file; empty where the allocator has no choice
  std::string library;    // to preload; empty for the C library alone
  std::string settings;   // for LOAM_OPTIONS
};

struct RunFigures {
  std::uint64_t wall_ns = 0;
  std::uint64_t cpu_ns = 0;    // of the program and of the children that it waited for
  std::uint64_t peak_rss = 0;  // bytes
  std::uint64_t minor_faults = 0;
  std::uint64_t major_faults = 0;
  int wait_status = 0;
  bool same_output = true;  // as in the very first run
};

struct CandidateRuns {
  Candidate candidate;
  std::vector<RunFigures> runs;
  std::string errors;  // the beginning of what the first run that ended otherwise wrote to standard error

  // Medians over the runs, each on its own.
  RunFigures median() const;
  // How many runs ended otherwise than the very first, and how many wrote something else.
  std::size_t other_endings(int wait_status) const;
  std::size_t other_outputs() const;
};

struct RunsComparison {
  std::vector<std::string> program;
  int rounds = 0;
  std::uint64_t output_bytes = 0;         // of the first run
  std::vector<CandidateRuns> candidates;  // the first is the reference, the second the reference once more

  int expected_status() const { return candidates.front().runs.front().wait_status; }
  // Whether the reference itself writes something else each time, so that a difference means nothing.
  bool has_steady_output() const;
  // Whether a candidate ended otherwise, or wrote something else.
  bool has_failures() const;
};

struct RunsPlan {
  std::string path;  // of the program
  std::vector<std::string> arguments;
  std::vector<Candidate> candidates;
  int rounds = 1;
  std::string input;    // a file for standard input; empty: nothing to read
  std::string scratch;  // a folder for its output
};

using RunProgress = std::function<void(std::size_t done, std::size_t all, const std::string& what)>;

// Round by round, each round in another order. Throws Failure if the program cannot be started, or a signal asked to stop.
RunsComparison compare_runs(const RunsPlan& plan, const RunProgress& progress);

// A folder for the time that this lives.
class ScratchFolder {
 public:
  ScratchFolder();
  ~ScratchFolder();
  ScratchFolder(const ScratchFolder&) = delete;
  ScratchFolder& operator=(const ScratchFolder&) = delete;
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

}  // namespace loam::tool

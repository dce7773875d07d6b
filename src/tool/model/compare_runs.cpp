#include "tool/model/compare_runs.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <memory>

#include "tool/model/failure.hpp"
#include "tool/model/files.hpp"
#include "tool/model/launch.hpp"
#include "tool/model/program.hpp"

namespace loam::tool {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kMostErrors = 300;

std::uint64_t nanoseconds(const timeval& time) {
  return static_cast<std::uint64_t>(time.tv_sec) * 1'000'000'000U +
         static_cast<std::uint64_t>(time.tv_usec) * 1000U;
}

Descriptor open_file(const std::string& path, int flags) {
  Descriptor file(open(path.c_str(), flags | O_CLOEXEC, 0600));
  if (!file.valid()) throw Failure(kExitFailure, fmt::format("cannot open {}: {}", path, error_text(errno)));
  return file;
}

bool same_content(const std::string& a, const std::string& b) {
  if (fs::file_size(a) != fs::file_size(b)) return false;
  using File = std::unique_ptr<std::FILE, int (*)(std::FILE*)>;
  const File first(std::fopen(a.c_str(), "rbe"), std::fclose);
  const File second(std::fopen(b.c_str(), "rbe"), std::fclose);
  if (first == nullptr || second == nullptr) return false;
  std::string left(std::size_t{1} << 16, '\0');
  std::string right(left.size(), '\0');
  for (;;) {
    const std::size_t got = std::fread(left.data(), 1, left.size(), first.get());
    if (std::fread(right.data(), 1, right.size(), second.get()) != got) return false;
    if (left.compare(0, got, right, 0, got) != 0) return false;
    if (got < left.size()) return true;
  }
}

std::string beginning_of(const std::string& path) {
  std::string text = read_file(path, kMostErrors).value_or("");
  if (text.size() > kMostErrors) text.resize(kMostErrors);
  return std::string(trim(text));
}

class Runner {
 public:
  explicit Runner(const RunsPlan& plan)
      : plan_(plan),
        first_(plan.scratch + "/first"),
        next_(plan.scratch + "/next"),
        errors_(plan.scratch + "/errors") {}

  void run(CandidateRuns& of) {
    const std::string output = has_first_ ? next_ : first_;
    const Ended ended = start(of.candidate, output);
    if (ended.stop_signal != 0)
      throw Failure(kExitFailure, fmt::format("compare: stopped by signal {} ({})", ended.stop_signal,
                                              signal_text(ended.stop_signal)));
    RunFigures figures;
    figures.wall_ns = ended.wall_ns;
    figures.cpu_ns = nanoseconds(ended.usage.ru_utime) + nanoseconds(ended.usage.ru_stime);
    figures.peak_rss = static_cast<std::uint64_t>(ended.usage.ru_maxrss) * 1024;
    figures.minor_faults = static_cast<std::uint64_t>(ended.usage.ru_minflt);
    figures.major_faults = static_cast<std::uint64_t>(ended.usage.ru_majflt);
    figures.wait_status = ended.wait_status;
    figures.same_output = !has_first_ || same_content(first_, next_);
    if (!has_first_) expected_ = ended.wait_status;
    if (of.errors.empty() && (ended.wait_status != expected_ || (!has_first_ && ended.wait_status != 0)))
      of.errors = beginning_of(errors_);
    has_first_ = true;
    of.runs.push_back(figures);
  }

  std::uint64_t output_bytes() const { return fs::file_size(first_); }

 private:
  Ended start(const Candidate& candidate, const std::string& output) const {
    const Descriptor in = open_file(plan_.input.empty() ? "/dev/null" : plan_.input, O_RDONLY);
    const Descriptor out = open_file(output, O_WRONLY | O_CREAT | O_TRUNC);
    const Descriptor err = open_file(errors_, O_WRONLY | O_CREAT | O_TRUNC);
    Launch launch;
    launch.path = plan_.path;
    launch.arguments = plan_.arguments;
    if (!candidate.library.empty())
      launch.environment.emplace_back("LD_PRELOAD", before_preloaded(candidate.library));
    if (!candidate.settings.empty()) launch.environment.emplace_back("LOAM_OPTIONS", candidate.settings);
    launch.in_child = [&] {
      dup2(in.get(), STDIN_FILENO);
      dup2(out.get(), STDOUT_FILENO);
      dup2(err.get(), STDERR_FILENO);
    };
    return run_program(launch);
  }

  const RunsPlan& plan_;
  std::string first_;
  std::string next_;
  std::string errors_;
  bool has_first_ = false;
  int expected_ = 0;
};

template <typename Member>
void set_median(const std::vector<RunFigures>& runs, RunFigures& out, Member member) {
  std::vector<std::uint64_t> values;
  values.reserve(runs.size());
  for (const RunFigures& run : runs) values.push_back(run.*member);
  std::sort(values.begin(), values.end());
  const std::size_t middle = values.size() / 2;
  out.*member = values.size() % 2 == 1 ? values[middle] : (values[middle - 1] + values[middle]) / 2;
}

}  // namespace

RunFigures CandidateRuns::median() const {
  RunFigures out;
  set_median(runs, out, &RunFigures::wall_ns);
  set_median(runs, out, &RunFigures::cpu_ns);
  set_median(runs, out, &RunFigures::peak_rss);
  set_median(runs, out, &RunFigures::minor_faults);
  set_median(runs, out, &RunFigures::major_faults);
  return out;
}

std::size_t CandidateRuns::other_endings(int wait_status) const {
  return static_cast<std::size_t>(std::count_if(
      runs.begin(), runs.end(), [&](const RunFigures& run) { return run.wait_status != wait_status; }));
}

std::size_t CandidateRuns::other_outputs() const {
  return static_cast<std::size_t>(
      std::count_if(runs.begin(), runs.end(), [](const RunFigures& run) { return !run.same_output; }));
}

bool RunsComparison::has_steady_output() const {
  return candidates[0].other_outputs() == 0 && candidates[1].other_outputs() == 0;
}

bool RunsComparison::has_failures() const {
  const int status = expected_status();
  return std::any_of(candidates.begin(), candidates.end(), [&](const CandidateRuns& of) {
    return of.other_endings(status) > 0 || (has_steady_output() && of.other_outputs() > 0);
  });
}

RunsComparison compare_runs(const RunsPlan& plan, const RunProgress& progress) {
  RunsComparison out;
  out.program = plan.arguments;
  out.rounds = plan.rounds;
  for (const Candidate& candidate : plan.candidates) out.candidates.push_back({candidate, {}, {}});
  Runner runner(plan);
  const std::size_t count = out.candidates.size();
  const std::size_t all = count * static_cast<std::size_t>(plan.rounds);
  for (std::size_t i = 0; i < all; ++i) {
    CandidateRuns& of = out.candidates[(i + i / count) % count];
    progress(i, all, of.candidate.name);
    runner.run(of);
  }
  progress(all, all, "done");
  out.output_bytes = runner.output_bytes();
  return out;
}

ScratchFolder::ScratchFolder() {
  const char* given = environment("TMPDIR");
  path_ = std::string(given == nullptr || given[0] == '\0' ? "/tmp" : given) + "/loam-compare-XXXXXX";
  if (mkdtemp(path_.data()) == nullptr)
    throw Failure(kExitFailure, fmt::format("cannot make a folder {}: {}", path_, error_text(errno)));
}

ScratchFolder::~ScratchFolder() {
  std::error_code ignored;
  fs::remove_all(path_, ignored);
}

}  // namespace loam::tool

#include "tool/bench/contest.hpp"

#include <signal.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <csignal>

#include "tool/model/failure.hpp"

namespace loam::tool::bench {
namespace {

constexpr double kSmallProgramKib = 10e6 / 1024;

volatile std::sig_atomic_t g_stop = 0;

void on_signal(int /*signal*/) { g_stop = 1; }

// While it lives, SIGINT and SIGTERM only leave a note: the program that runs is waited for and the scratch directory removed.
class SignalGuard {
 public:
  SignalGuard() {
    struct sigaction action{};
    action.sa_handler = on_signal;
    sigaction(SIGINT, &action, &interrupt_);
    sigaction(SIGTERM, &action, &terminate_);
  }
  ~SignalGuard() {
    sigaction(SIGINT, &interrupt_, nullptr);
    sigaction(SIGTERM, &terminate_, nullptr);
  }
  SignalGuard(const SignalGuard&) = delete;
  SignalGuard& operator=(const SignalGuard&) = delete;

  static void check() {
    if (g_stop != 0) throw Failure(kExitFailure, "interrupted");
  }

 private:
  struct sigaction interrupt_{};
  struct sigaction terminate_{};
};

double median_of(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  const std::size_t middle = values.size() / 2;
  return values.size() % 2 != 0 ? values[middle] : (values[middle - 1] + values[middle]) / 2;
}

void enter_contestants(Contest& contest, const std::vector<Allocator>& allocators) {
  for (const Allocator& allocator : allocators) {
    if (allocator.name == "glibc") contest.baseline = contest.contestants.size();
    contest.contestants.push_back({allocator, false, {}, 0});
  }
  Contestant repeat = contest.contestants[contest.baseline];
  repeat.allocator.name += " again";
  repeat.is_repeat = true;
  contest.repeat = contest.contestants.size();
  contest.contestants.push_back(repeat);
  for (Contestant& contestant : contest.contestants) contestant.cells.resize(contest.rows.size());
}

// A malloc that changes what a program prints has broken it; its figures would mean nothing.
void compare_output(const Contest& contest, std::size_t row, const Contestant& contestant,
                    const Sample& sample) {
  const Cell& first = contest.contestants[contest.baseline].cells[row];
  const Cell& reference = first.samples.empty() ? contestant.cells[row] : first;
  if (reference.samples.empty() || reference.samples[0].output_hash == sample.output_hash) return;
  throw Failure(kExitFailure, "row " + contest.rows[row].name + ": the output under " +
                                  contestant.allocator.name + " differs from that under " +
                                  contest.contestants[contest.baseline].allocator.name);
}

double figure_of(const Sample& sample, Figure figure, bool has_cycles) {
  switch (figure) {
    case Figure::kCost:
      if (sample.throughput) return 1 / *sample.throughput;
      return has_cycles ? sample.cycles.value_or(0) : sample.cpu;
    case Figure::kCpu:
      return sample.cpu;
    case Figure::kWall:
      return sample.wall;
    case Figure::kRss:
      return sample.peak_rss_kib;
    case Figure::kMinorFaults:
      return sample.minor_faults;
    case Figure::kMajorFaults:
      return sample.major_faults;
  }
  return 0;
}

void find_cost_unit(Contest& contest) {
  contest.has_cycles = true;
  for (const Contestant& contestant : contest.contestants) {
    for (const Cell& cell : contestant.cells) {
      for (const Sample& sample : cell.samples) {
        if (sample.cycles) continue;
        contest.has_cycles = false;
        contest.cycles_reason = sample.cycles_reason;
      }
    }
  }
}

}  // namespace

double Cell::median(const std::function<double(const Sample&)>& figure) const {
  std::vector<double> values;
  values.reserve(samples.size());
  for (const Sample& sample : samples) values.push_back(figure(sample));
  return median_of(std::move(values));
}

Contest hold_contest(const std::vector<Row>& rows, const std::vector<Allocator>& allocators, int rounds,
                     const Places& places, const Progress& progress) {
  const SignalGuard guard;
  Contest contest;
  contest.rows = rows;
  contest.rounds = rounds;
  enter_contestants(contest, allocators);
  const auto start = std::chrono::steady_clock::now();
  const std::size_t count = contest.contestants.size();
  const std::size_t all = rows.size() * count * static_cast<std::size_t>(rounds);
  std::size_t done = 0;
  for (const Row& row : rows) {
    for (const Allocator& allocator : allocators) {
      progress(done, all, "proving who serves " + row.name);
      prove(row, allocator, places);
      SignalGuard::check();
    }
  }
  for (Contestant& contestant : contest.contestants) {
    contestant.nothing_kib = measure_nothing(contestant.allocator, places);
  }
  for (std::size_t round = 0; round < static_cast<std::size_t>(rounds); ++round) {
    for (std::size_t row = 0; row < rows.size(); ++row) {
      for (std::size_t i = 0; i < count; ++i) {
        Contestant& contestant = contest.contestants[(i + round + row) % count];
        progress(done++, all, rows[row].name + " under " + contestant.allocator.name);
        SignalGuard::check();
        const Sample sample = measure(rows[row], contestant.allocator, places);
        compare_output(contest, row, contestant, sample);
        contestant.cells[row].samples.push_back(sample);
      }
    }
  }
  progress(all, all, "done");
  find_cost_unit(contest);
  contest.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  return contest;
}

double value(const Contest& contest, std::size_t contestant, std::size_t row, Figure figure) {
  return contest.contestants[contestant].cells[row].median(
      [&](const Sample& sample) { return figure_of(sample, figure, contest.has_cycles); });
}

double ratio(const Contest& contest, std::size_t contestant, std::size_t row, Figure figure) {
  const double offset = figure == Figure::kMinorFaults || figure == Figure::kMajorFaults ? 1 : 0;
  return (value(contest, contestant, row, figure) + offset) /
         (value(contest, contest.baseline, row, figure) + offset);
}

std::vector<std::size_t> rows_of(const Contest& contest, const std::string& group) {
  std::vector<std::size_t> rows;
  for (std::size_t row = 0; row < contest.rows.size(); ++row) {
    const bool is_small = value(contest, contest.baseline, row, Figure::kRss) < kSmallProgramKib;
    const bool is_in = group == "all" || contest.rows[row].group == group ||
                       (group == "small program" && contest.rows[row].group == "program" && is_small);
    if (is_in) rows.push_back(row);
  }
  return rows;
}

Mean geomean(const Contest& contest, std::size_t contestant, const std::vector<std::size_t>& rows,
             Figure figure) {
  Mean mean;
  mean.rows = rows.size();
  if (rows.empty()) return mean;
  double sum = 0;
  double best = 0;
  for (const std::size_t row : rows) {
    const double logarithm = std::log(ratio(contest, contestant, row, figure));
    best = row == rows.front() ? logarithm : std::min(best, logarithm);
    sum += logarithm;
  }
  const double count = static_cast<double>(rows.size());
  mean.all = std::exp(sum / count);
  mean.without_best = rows.size() > 1 ? std::exp((sum - best) / (count - 1)) : mean.all;
  return mean;
}

double row_noise(const Contest& contest, std::size_t row) {
  return std::exp(std::abs(std::log(ratio(contest, contest.repeat, row, Figure::kCost)))) - 1;
}

double median_noise(const Contest& contest) {
  std::vector<double> noises;
  noises.reserve(contest.rows.size());
  for (std::size_t row = 0; row < contest.rows.size(); ++row) noises.push_back(row_noise(contest, row));
  return median_of(std::move(noises));
}

Verdict judge(const Contest& contest, std::size_t ours, std::size_t row) {
  Verdict verdict;
  double best = 0;
  for (std::size_t i = 0; i < contest.contestants.size(); ++i) {
    const Contestant& contestant = contest.contestants[i];
    if (contestant.allocator.ours || contestant.is_repeat) continue;
    const double cost = value(contest, i, row, Figure::kCost);
    if (best != 0 && cost >= best) continue;
    best = cost;
    verdict.best_peer = i;
  }
  verdict.to_best_peer = best != 0 ? value(contest, ours, row, Figure::kCost) / best : 1;
  verdict.threshold = 1 + std::max(row_noise(contest, row), median_noise(contest));
  verdict.is_first = verdict.to_best_peer <= 1;
  verdict.is_lost = verdict.to_best_peer > verdict.threshold;
  return verdict;
}

PeerMean best_peer(const Contest& contest, std::size_t ours, const std::vector<std::size_t>& rows,
                   Figure figure) {
  PeerMean result;
  double best = 0;
  for (std::size_t i = 0; i < contest.contestants.size(); ++i) {
    const Contestant& contestant = contest.contestants[i];
    if (contestant.allocator.ours || contestant.is_repeat) continue;
    const double mean = geomean(contest, i, rows, figure).all;
    if (best != 0 && mean >= best) continue;
    best = mean;
    result.peer = i;
  }
  if (best != 0) result.ours_to_peer = geomean(contest, ours, rows, figure).all / best;
  return result;
}

std::size_t index_of_ours(const Contest& contest) {
  const auto found = std::find_if(contest.contestants.begin(), contest.contestants.end(),
                                  [](const Contestant& contestant) { return contestant.allocator.ours; });
  return static_cast<std::size_t>(found - contest.contestants.begin());
}

}  // namespace loam::tool::bench

// The contest: every row under every contestant, interleaved in rounds, and what follows from the figures.
//
// Invariant: a Contest that was returned has the same number of samples in every cell, and all samples of a row of fixed
// work had the same output.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "tool/bench/measure.hpp"

namespace loam::tool::bench {

struct Cell {
  std::vector<Sample> samples;

  // Median over the samples of a figure.
  double median(const std::function<double(const Sample&)>& figure) const;
};

struct Contestant {
  Allocator allocator;
  bool is_repeat = false;   // the baseline a second time: the noise of the run
  std::vector<Cell> cells;  // one for each row
  double nothing_kib = 0;   // peak RSS of a program that does nothing
};

struct Contest {
  std::vector<Row> rows;
  std::vector<Contestant> contestants;
  std::size_t baseline = 0;  // index of glibc, or of the first contestant where glibc is not measured
  std::size_t repeat = 0;    // index of the baseline's second copy
  int rounds = 0;
  bool has_cycles = false;
  std::string cycles_reason;  // why the cost of fixed work is CPU time
  double seconds = 0;         // duration of the whole contest
};

using Progress = std::function<void(std::size_t done, std::size_t all, const std::string& what)>;

// Throws Failure when a run fails, or after SIGINT or SIGTERM at the end of the run that it interrupted: whoever holds the
// scratch directory gets to remove it.
Contest hold_contest(const std::vector<Row>& rows, const std::vector<Allocator>& allocators, int rounds,
                     const Places& places, const Progress& progress);

enum class Figure { kCost, kCpu, kWall, kRss, kMinorFaults, kMajorFaults };

// Median of a figure of one cell. Cost is cycles or CPU seconds for fixed work, seconds an operation for timed work.
double value(const Contest& contest, std::size_t contestant, std::size_t row, Figure figure);

// The same relative to the baseline; faults count from one, so that zero has a ratio.
double ratio(const Contest& contest, std::size_t contestant, std::size_t row, Figure figure);

// Rows of a group: "all", "program", "synthetic", or "small program" (baseline's peak RSS below 10 MB).
std::vector<std::size_t> rows_of(const Contest& contest, const std::string& group);

struct Mean {
  double all = 0;
  double without_best = 0;  // the contestant's own best row left out
  std::size_t rows = 0;
};

Mean geomean(const Contest& contest, std::size_t contestant, const std::vector<std::size_t>& rows,
             Figure figure);

// Noise of the run: how far two copies of the same malloc lie apart, as a share (0.03 = 3 %).
double row_noise(const Contest& contest, std::size_t row);
double median_noise(const Contest& contest);

// Verdict over one row for the contestant that is ours.
struct Verdict {
  std::size_t best_peer = 0;
  double to_best_peer = 0;  // our cost / the best peer's
  double threshold = 0;     // 1 + the larger of this row's noise and the run's median noise
  bool is_first = false;    // no peer is cheaper
  bool is_lost = false;     // a peer is cheaper by more than the noise
};

Verdict judge(const Contest& contest, std::size_t ours, std::size_t row);

// The peer with the lowest geomean of cost over a group; our geomean relative to it.
struct PeerMean {
  std::size_t peer = 0;
  double ours_to_peer = 0;
};

PeerMean best_peer(const Contest& contest, std::size_t ours, const std::vector<std::size_t>& rows,
                   Figure figure);

// Index of the first contestant that is ours, or the number of contestants when there is none.
std::size_t index_of_ours(const Contest& contest);

}  // namespace loam::tool::bench

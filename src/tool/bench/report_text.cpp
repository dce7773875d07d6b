#include <fmt/format.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <fstream>

#include "tool/bench/report.hpp"

namespace loam::tool::bench {
namespace {

struct FigureTitle {
  Figure figure;
  const char* title;
  const char* unit;
};

std::string absolute(double number, Figure figure, bool is_timed, bool has_cycles) {
  switch (figure) {
    case Figure::kCost:
      if (is_timed) return fmt::format("{:.1f} ns", number * 1e9);
      return has_cycles ? fmt::format("{:.2f} G", number / 1e9) : fmt::format("{:.3f} s", number);
    case Figure::kCpu:
    case Figure::kWall:
      return fmt::format("{:.3f} s", number);
    case Figure::kRss:
      return fmt::format("{:.1f} MB", number * 1024 / 1e6);
    case Figure::kMinorFaults:
    case Figure::kMajorFaults:
      return fmt::format("{:.0f}", number);
  }
  return {};
}

std::string heading(const Contest& contest, const std::string& first) {
  std::string line =
      fmt::format("{:<22} {:>10}", first, contest.contestants[contest.baseline].allocator.name);
  for (std::size_t i = 0; i < contest.contestants.size(); ++i) {
    if (i != contest.baseline) line += fmt::format(" {:>11}", contest.contestants[i].allocator.name);
  }
  return line;
}

std::string remark(const Contest& contest, std::size_t row) {
  const std::size_t ours = index_of_ours(contest);
  if (ours == contest.contestants.size()) return {};
  const Verdict verdict = judge(contest, ours, row);
  if (verdict.is_first) return {};
  const std::string& peer = contest.contestants[verdict.best_peer].allocator.name;
  return fmt::format("  {} {} {:.2f} (noise {:.2f})", verdict.is_lost ? "LOST to" : "behind", peer,
                     verdict.to_best_peer, verdict.threshold);
}

std::string mean_lines(const Contest& contest, Figure figure) {
  std::string text;
  for (const char* group : {"all", "program", "synthetic", "small program"}) {
    const auto rows = rows_of(contest, group);
    if (rows.empty()) continue;
    for (const bool without_best : {false, true}) {
      text += without_best ? fmt::format("{:<22} {:>10}", "  without its best row", "")
                           : fmt::format("{:<22} {:>10}", fmt::format("geomean {}", group),
                                         fmt::format("{} rows", rows.size()));
      for (std::size_t i = 0; i < contest.contestants.size(); ++i) {
        if (i == contest.baseline) continue;
        const Mean mean = geomean(contest, i, rows, figure);
        text += fmt::format(" {:>11.3f}", without_best ? mean.without_best : mean.all);
      }
      text += "\n";
    }
  }
  return text;
}

std::string table(const Contest& contest, const FigureTitle& title) {
  std::string text = fmt::format("\n{}\n{}\n", title.title, heading(contest, title.unit));
  for (std::size_t row = 0; row < contest.rows.size(); ++row) {
    const bool is_timed = contest.rows[row].kind == Kind::kThroughput;
    text += fmt::format("{:<22} {:>10}", contest.rows[row].name,
                        absolute(value(contest, contest.baseline, row, title.figure), title.figure, is_timed,
                                 contest.has_cycles));
    for (std::size_t i = 0; i < contest.contestants.size(); ++i) {
      if (i != contest.baseline) text += fmt::format(" {:>11.3f}", ratio(contest, i, row, title.figure));
    }
    if (title.figure == Figure::kCost) text += remark(contest, row);
    text += "\n";
  }
  return text + mean_lines(contest, title.figure);
}

std::string major_faults(const Contest& contest) {
  std::string text;
  for (std::size_t row = 0; row < contest.rows.size(); ++row) {
    for (std::size_t i = 0; i < contest.contestants.size(); ++i) {
      const double count = value(contest, i, row, Figure::kMajorFaults);
      if (count > 0) {
        text += fmt::format("  {} under {}: {:.0f}\n", contest.rows[row].name,
                            contest.contestants[i].allocator.name, count);
      }
    }
  }
  return "\nMajor faults (medians above zero)\n" + (text.empty() ? "  none\n" : text);
}

std::string standing(const Contest& contest) {
  const std::size_t ours = index_of_ours(contest);
  if (ours == contest.contestants.size()) return {};
  const std::string& name = contest.contestants[ours].allocator.name;
  std::string text;
  for (const char* group : {"all", "program", "synthetic"}) {
    const auto rows = rows_of(contest, group);
    if (rows.empty()) continue;
    const PeerMean mean = best_peer(contest, ours, rows, Figure::kCost);
    text += fmt::format("{:<10} {} is at {:.3f} x the best single peer ({}) and at {:.3f} x {}\n", group,
                        name, mean.ours_to_peer, contest.contestants[mean.peer].allocator.name,
                        geomean(contest, ours, rows, Figure::kCost).all,
                        contest.contestants[contest.baseline].allocator.name);
  }
  std::size_t behind = 0;
  std::size_t lost = 0;
  double worst = 0;
  std::size_t worst_row = 0;
  for (std::size_t row = 0; row < contest.rows.size(); ++row) {
    const Verdict verdict = judge(contest, ours, row);
    behind += verdict.is_first ? 0 : 1;
    lost += verdict.is_lost ? 1 : 0;
    if (verdict.to_best_peer <= worst) continue;
    worst = verdict.to_best_peer;
    worst_row = row;
  }
  return text + fmt::format(
                    "rows: {} of {} first, {} behind a peer, {} of them lost beyond the noise; worst: {} at "
                    "{:.2f} x the best peer\n",
                    contest.rows.size() - behind, contest.rows.size(), behind, lost,
                    contest.rows[worst_row].name, worst);
}

std::string nothing_line(const Contest& contest) {
  std::string text = "peak RSS of a program that does nothing:";
  for (const Contestant& contestant : contest.contestants) {
    if (!contestant.is_repeat) {
      text += fmt::format(" {} {:.2f} MB", contestant.allocator.name, contestant.nothing_kib * 1024 / 1e6);
    }
  }
  return text + "\n";
}

}  // namespace

std::string machine_line() {
  std::ifstream file("/proc/cpuinfo");
  std::string model = "unknown processor";
  for (std::string line; std::getline(file, line);) {
    if (!line.starts_with("model name")) continue;
    model = line.substr(line.find(": ") + 2);
    break;
  }
  utsname name{};
  uname(&name);
  return fmt::format("{}, {} processors, {} {}", model, sysconf(_SC_NPROCESSORS_ONLN), name.sysname,
                     name.release);
}

std::string contest_text(const Contest& contest) {
  const std::string unit =
      contest.has_cycles ? "CPU cycles (perf_event_open, children included)"
                         : "CPU seconds, user and system (no cycle counter: " + contest.cycles_reason + ")";
  std::string text =
      fmt::format("loam bench: {} rows, {} contestants, {} rounds, {:.0f} s\n{}\n", contest.rows.size(),
                  contest.contestants.size(), contest.rounds, contest.seconds, machine_line());
  for (const Contestant& contestant : contest.contestants) {
    text += fmt::format("  {:<14} {}\n", contestant.allocator.name, contestant.allocator.library);
  }
  text += "Medians. Cost is " + unit +
          " for fixed work and\ntime for an operation for timed work. Ratios to the first column, lower is "
          "better.\n";
  for (const FigureTitle& title :
       {FigureTitle{Figure::kCost, "Cost", "row"}, FigureTitle{Figure::kRss, "Peak RSS", "row"},
        FigureTitle{Figure::kCpu, "CPU seconds", "row"}, FigureTitle{Figure::kWall, "Wall time", "row"},
        FigureTitle{Figure::kMinorFaults, "Minor page faults", "row"}}) {
    text += table(contest, title);
  }
  text += major_faults(contest);
  const auto all = rows_of(contest, "all");
  text += fmt::format("\nNoise of this run ({} measured twice): {:.1f} % in the median row, geomean {:.3f}\n",
                      contest.contestants[contest.baseline].allocator.name, median_noise(contest) * 100,
                      geomean(contest, contest.repeat, all, Figure::kCost).all);
  return text + standing(contest) + nothing_line(contest);
}

}  // namespace loam::tool::bench

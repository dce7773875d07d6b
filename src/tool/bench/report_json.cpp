#include "tool/bench/report.hpp"
#include "tool/model/json_value.hpp"

namespace loam::tool::bench {
namespace {

const char* kind_name(Kind kind) { return kind == Kind::kThroughput ? "timed" : "fixed"; }

Json sample_json(const Sample& sample) {
  Json entry{{"cpu_s", sample.cpu},
             {"wall_s", sample.wall},
             {"peak_rss_kib", sample.peak_rss_kib},
             {"minor_faults", sample.minor_faults},
             {"major_faults", sample.major_faults}};
  entry["cycles"] = sample.cycles ? Json(*sample.cycles) : Json(nullptr);
  entry["operations_per_s"] = sample.throughput ? Json(*sample.throughput) : Json(nullptr);
  return entry;
}

Json cell_json(const Contest& contest, std::size_t contestant, std::size_t row) {
  Json cell{{"cost", value(contest, contestant, row, Figure::kCost)},
            {"cost_ratio", ratio(contest, contestant, row, Figure::kCost)},
            {"rss_ratio", ratio(contest, contestant, row, Figure::kRss)},
            {"samples", Json::array()}};
  for (const Sample& sample : contest.contestants[contestant].cells[row].samples) {
    cell["samples"].push_back(sample_json(sample));
  }
  return cell;
}

Json row_json(const Contest& contest, std::size_t row) {
  Json entry{{"name", contest.rows[row].name},
             {"group", contest.rows[row].group},
             {"work", kind_name(contest.rows[row].kind)},
             {"noise", row_noise(contest, row)}};
  const std::size_t ours = index_of_ours(contest);
  if (ours != contest.contestants.size()) {
    const Verdict verdict = judge(contest, ours, row);
    entry["best_peer"] = contest.contestants[verdict.best_peer].allocator.name;
    entry["to_best_peer"] = verdict.to_best_peer;
    entry["first"] = verdict.is_first;
    entry["lost"] = verdict.is_lost;
  }
  for (std::size_t i = 0; i < contest.contestants.size(); ++i) {
    entry["results"][contest.contestants[i].allocator.name] = cell_json(contest, i, row);
  }
  return entry;
}

Json means_json(const Contest& contest, std::size_t contestant) {
  static constexpr std::pair<Figure, const char*> kFigures[] = {{Figure::kCost, "cost"},
                                                                {Figure::kRss, "peak_rss"},
                                                                {Figure::kCpu, "cpu"},
                                                                {Figure::kWall, "wall"},
                                                                {Figure::kMinorFaults, "minor_faults"},
                                                                {Figure::kMajorFaults, "major_faults"}};
  Json means;
  for (const char* group : {"all", "program", "synthetic", "small program"}) {
    const auto rows = rows_of(contest, group);
    if (rows.empty()) continue;
    means[group]["rows"] = rows.size();
    for (const auto& [figure, name] : kFigures) {
      const Mean mean = geomean(contest, contestant, rows, figure);
      means[group][name] = {{"geomean", mean.all}, {"without_best_row", mean.without_best}};
    }
  }
  return means;
}

}  // namespace

std::string contest_json(const Contest& contest) {
  Json report{{"schema", "loam-bench/1"},
              {"machine", machine_line()},
              {"rounds", contest.rounds},
              {"seconds", contest.seconds},
              {"baseline", contest.contestants[contest.baseline].allocator.name},
              {"cost_unit", contest.has_cycles ? "cycles" : "cpu seconds"},
              {"median_noise", median_noise(contest)}};
  report["cost_reason"] = contest.has_cycles ? Json(nullptr) : Json(contest.cycles_reason);
  for (std::size_t i = 0; i < contest.contestants.size(); ++i) {
    const Contestant& contestant = contest.contestants[i];
    report["contestants"].push_back({{"name", contestant.allocator.name},
                                     {"library", contestant.allocator.library},
                                     {"nothing_peak_rss_kib", contestant.nothing_kib},
                                     {"means", means_json(contest, i)}});
  }
  for (std::size_t row = 0; row < contest.rows.size(); ++row)
    report["rows"].push_back(row_json(contest, row));
  const std::size_t ours = index_of_ours(contest);
  for (const char* group : {"all", "program", "synthetic"}) {
    const auto rows = rows_of(contest, group);
    if (ours == contest.contestants.size() || rows.empty()) continue;
    const PeerMean mean = best_peer(contest, ours, rows, Figure::kCost);
    report["standing"][group] = {{"best_peer", contest.contestants[mean.peer].allocator.name},
                                 {"to_best_peer", mean.ours_to_peer}};
  }
  return report.text(1) + "\n";
}

std::string stack_heap_json(const StackHeap& result) {
  Json report{{"schema", "loam-bench-stack-heap/1"}, {"machine", machine_line()}};
  for (std::size_t i = 0; i < result.contestants.size(); ++i) {
    for (const StackHeapCell& cell : result.cells[i]) {
      Json entry{{"malloc", result.contestants[i]},
                 {"placement", cell.placement},
                 {"lifetime", cell.lifetime},
                 {"size", cell.size},
                 {"reason", cell.reason.empty() ? Json(nullptr) : Json(cell.reason)}};
      if (cell.reason.empty()) {
        entry["ns"] = cell.nanoseconds;
        entry["minor_faults_per_1000"] = cell.minor_faults;
        entry["kernel_calls_per_1000"] = cell.kernel_calls;
        entry["stride"] = cell.stride ? Json(*cell.stride) : Json(nullptr);
        entry["cache_misses_per_1000"] = cell.cache_misses ? Json(*cell.cache_misses) : Json(nullptr);
        entry["cache_reason"] = cell.cache_misses ? Json(nullptr) : Json(cell.cache_reason);
      }
      report["cells"].push_back(entry);
    }
  }
  return report.text(1) + "\n";
}

}  // namespace loam::tool::bench

#include "tool/render/compare_runs.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <sys/wait.h>

#include <algorithm>
#include <utility>
#include <vector>

#include "tool/model/files.hpp"
#include "tool/model/json_value.hpp"
#include "tool/render/json.hpp"

namespace loam::tool {
namespace {

std::string ending_text(int status) {
  if (WIFEXITED(status)) return fmt::format("exit status {}", WEXITSTATUS(status));
  return fmt::format("killed by signal {} ({})", WTERMSIG(status), signal_text(WTERMSIG(status)));
}

std::string ratio(std::uint64_t value, std::uint64_t reference) {
  return reference == 0 ? "-"
                        : fmt::format("{:.2f}", static_cast<double>(value) / static_cast<double>(reference));
}

int first_other_ending(const CandidateRuns& of, int expected) {
  for (const RunFigures& run : of.runs) {
    if (run.wait_status != expected) return run.wait_status;
  }
  return expected;
}

std::string of_rounds(std::size_t some, const RunsComparison& comparison) {
  const auto rounds = static_cast<std::size_t>(comparison.rounds);
  return some == rounds ? "" : fmt::format(" in {} of {} rounds", some, rounds);
}

std::string result_text(const RunsComparison& comparison, const CandidateRuns& of, const Palette& palette) {
  const int expected = comparison.expected_status();
  if (const std::size_t other = of.other_endings(expected); other > 0)
    return palette.paint(Style::kBad, ending_text(first_other_ending(of, expected))) +
           of_rounds(other, comparison);
  if (const std::size_t other = of.other_outputs(); other > 0)
    return palette.paint(comparison.has_steady_output() ? Style::kBad : Style::kWarn, "other output") +
           of_rounds(other, comparison);
  return "same";
}

std::string table_text(const RunsComparison& comparison, const Palette& palette) {
  Table table;
  table.row({"", "wall", "", "CPU", "", "peak RSS", "", "faults", "", "result"});
  const RunFigures reference = comparison.candidates.front().median();
  for (const CandidateRuns& of : comparison.candidates) {
    const RunFigures run = of.median();
    const std::uint64_t faults = run.minor_faults + run.major_faults;
    table.row({of.candidate.name, human_ns(static_cast<double>(run.wall_ns)),
               ratio(run.wall_ns, reference.wall_ns), human_ns(static_cast<double>(run.cpu_ns)),
               ratio(run.cpu_ns, reference.cpu_ns), human_bytes(run.peak_rss),
               ratio(run.peak_rss, reference.peak_rss), with_thousands(faults),
               ratio(faults, reference.minor_faults + reference.major_faults),
               result_text(comparison, of, palette)});
  }
  table.left(9);
  return table.text("  ");
}

// Each text once, with all who ended so.
std::string errors_text(const RunsComparison& comparison) {
  constexpr std::size_t kMostNames = 4;
  std::vector<std::pair<std::string, std::vector<std::string>>> texts;
  for (const CandidateRuns& of : comparison.candidates) {
    if (of.errors.empty()) continue;
    const auto known =
        std::find_if(texts.begin(), texts.end(), [&](const auto& text) { return text.first == of.errors; });
    if (known == texts.end())
      texts.push_back({of.errors, {of.candidate.name}});
    else
      known->second.push_back(of.candidate.name);
  }
  std::string out;
  for (auto& [text, names] : texts) {
    const std::size_t more = names.size() - std::min(names.size(), kMostNames);
    names.resize(names.size() - more);
    out += fmt::format("  under {}{} it said:\n", fmt::join(names, ", "),
                       more == 0 ? "" : fmt::format(" and {} more", more));
    for (const std::string& line : split(text, '\n')) out += "    " + printable(line) + "\n";
  }
  return out;
}

Json run_json(const RunFigures& run) {
  Json out = {{"wall_ns", run.wall_ns},           {"cpu_ns", run.cpu_ns},
              {"peak_rss_bytes", run.peak_rss},   {"minor_faults", run.minor_faults},
              {"major_faults", run.major_faults}, {"same_output", run.same_output}};
  if (WIFEXITED(run.wait_status))
    out["exit"] = WEXITSTATUS(run.wait_status);
  else
    out["signal"] = WTERMSIG(run.wait_status);
  return out;
}

Json text_or_null(const std::string& text) { return text.empty() ? Json(nullptr) : Json(text); }

}  // namespace

std::string compare_runs_text(const RunsComparison& comparison, const Palette& palette) {
  const CandidateRuns& reference = comparison.candidates.front();
  std::string out =
      palette.paint(Style::kBold, fmt::format("loam compare: {}", fmt::join(comparison.program, " "))) + "\n";
  const std::string rounds =
      comparison.rounds == 1 ? "one round" : fmt::format("{} rounds by turns, medians", comparison.rounds);
  out += fmt::format(
      "  {}, and what the figures are to {}'s; it {} and writes {}\n\n", rounds, reference.candidate.name,
      comparison.expected_status() == 0 ? std::string("succeeds")
                                        : "ends there with " + ending_text(comparison.expected_status()),
      human_bytes(comparison.output_bytes));
  out += table_text(comparison, palette);
  if (!comparison.has_steady_output())
    out += fmt::format("  its output differs from run to run under {} already, and so says nothing\n",
                       reference.candidate.name);
  return out + errors_text(comparison);
}

std::string compare_runs_json(const RunsComparison& comparison) {
  Json json = {{"schema", "loam-compare-runs/1"},
               {"program", comparison.program},
               {"rounds", comparison.rounds},
               {"output_bytes", comparison.output_bytes},
               {"steady_output", comparison.has_steady_output()}};
  json["candidates"] = Json::array();
  for (const CandidateRuns& of : comparison.candidates) {
    Json runs = Json::array();
    for (const RunFigures& run : of.runs) runs.push_back(run_json(run));
    Json median = run_json(of.median());
    for (const char* key : {"same_output", "exit"}) median.erase(key);
    json["candidates"].push_back({{"name", of.candidate.name},
                                  {"allocator", of.candidate.allocator},
                                  {"policy", text_or_null(of.candidate.policy)},
                                  {"source", text_or_null(of.candidate.source)},
                                  {"library", text_or_null(of.candidate.library)},
                                  {"same_ending", of.other_endings(comparison.expected_status()) == 0},
                                  {"same_output", of.other_outputs() == 0},
                                  {"errors", text_or_null(of.errors)},
                                  {"median", median},
                                  {"runs", runs}});
  }
  return json_text(json);
}

}  // namespace loam::tool

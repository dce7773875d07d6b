#include "tool/render/run.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <sys/wait.h>

#include <cstring>

#include "tool/model/files.hpp"
#include "tool/model/json_value.hpp"
#include "tool/render/json.hpp"
#include "tool/render/record.hpp"

namespace loam::tool {
namespace {

using format::Counter;
using format::Group;

constexpr std::size_t kProcessLines = 40;

double seconds(const timeval& time) {
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
}

std::string status_text(int status) {
  if (WIFEXITED(status)) return fmt::format("exit status {}", WEXITSTATUS(status));
  return fmt::format("killed by signal {} ({})", WTERMSIG(status), signal_text(WTERMSIG(status)));
}

std::uint64_t peak_rss(const rusage& usage) { return static_cast<std::uint64_t>(usage.ru_maxrss) * 1024; }

std::string served_text(const Summary& sum, const Palette& palette) {
  const auto served = sum.served();
  if (!served) return "  no call was counted\n";
  const Style style = *served >= 0.99 ? Style::kGood : Style::kBad;
  const std::string share = palette.paint(style, fmt::format("{:.3f} %", 100 * *served));
  return fmt::format("  {} of {} calls served by loam, {} passed on to another malloc\n", share,
                     with_thousands(sum.seen()), with_thousands(sum.foreign));
}

std::string summary_text(const RunReport& report, const Palette& palette) {
  const Summary& sum = report.summary;
  std::string out = palette.paint(Style::kBold, "summary");
  out += fmt::format("  {} process{}, {}\n", with_thousands(sum.processes), sum.processes == 1 ? "" : "es",
                     counted(sum.records, "record"));
  if (sum.without_record != 0) {
    out += fmt::format("  {} more left no record: the counter file was full\n",
                       with_thousands(sum.without_record));
  }
  if (sum.counted != 0) {
    out += fmt::format("  {} allocations, {} frees, {} asked for, {} handed out\n",
                       with_thousands(sum.allocations), with_thousands(sum.frees),
                       human_bytes(sum.requested_bytes), human_bytes(sum.usable_bytes));
    out += served_text(sum, palette);
  }
  out += fmt::format("  crossing: {}\n", crossing_text(sum.crossing));
  out +=
      fmt::format("  prices: system call {}, page fault {}, mmap + munmap {} (measured after the run)\n",
                  human_ns(report.prices.system_call.median_ns),
                  human_ns(report.prices.small_fault.median_ns), human_ns(report.prices.map_pair.median_ns));
  return out;
}

std::string other_processes(const RunReport& report, const Record* shown, const Palette& palette) {
  Table table;
  table.left(1);
  table.row({"pid", "executable", "allocations", "peak asked for", "kernel calls", "end"});
  std::size_t lines = 0;
  std::size_t left_out = 0;
  for (const Record& record : report.records) {
    if (&record == shown) continue;
    if (lines == kProcessLines) {
      ++left_out;
      continue;
    }
    ++lines;
    const bool calls = record.known(Group::kCalls);
    table.row({fmt::format("{}", record.slot->pid.load()), record.slot->executable,
               calls ? with_thousands(record.allocations()) : "-",
               calls ? human_bytes(record.get(Counter::kPeakRequested)) : "-",
               with_thousands(record.kernel_calls()), record.end_text()});
  }
  if (lines == 0) return {};
  std::string out = palette.paint(Style::kBold, "other records") + "\n" + table.text("  ");
  if (left_out != 0)
    out += fmt::format("  and {} more: --format json has them all\n", with_thousands(left_out));
  return out + "\n";
}

}  // namespace

std::string run_text(const RunReport& report, const Palette& palette) {
  const rusage& usage = report.ended.usage;
  std::string out = palette.paint(Style::kBold, fmt::format("loam: {}", fmt::join(report.program, " ")));
  out += fmt::format(
      "\n  {}, {} wall, {:.2f} s user + {:.2f} s system, peak RSS {}, faults {} minor + {} major\n\n",
      status_text(report.ended.wait_status), human_ns(static_cast<double>(report.ended.wall_ns)),
      seconds(usage.ru_utime), seconds(usage.ru_stime), human_bytes(peak_rss(usage)),
      with_thousands(static_cast<std::uint64_t>(usage.ru_minflt)),
      with_thousands(static_cast<std::uint64_t>(usage.ru_majflt)));
  const Record* record = report.main_record();
  if (record == nullptr) {
    out += palette.paint(Style::kWarn, "no process left a record") +
           ": loam did not start in the program (LD_PRELOAD was removed, the program is on the deny list, or "
           "the library is of another version)\n";
    return out;
  }
  out += record_text(*record, report.prices, palette) + "\n";
  out += other_processes(report, record, palette);
  return out + summary_text(report, palette);
}

std::string run_json(const RunReport& report) {
  const rusage& usage = report.ended.usage;
  const Summary& sum = report.summary;
  const int status = report.ended.wait_status;
  Json out;
  out["schema"] = "loam-run/1";
  out["program"] = report.program;
  out["pid"] = report.ended.pid;
  out["status"] =
      WIFEXITED(status) ? Json{{"exit", WEXITSTATUS(status)}} : Json{{"signal", WTERMSIG(status)}};
  out["wall_ns"] = report.ended.wall_ns;
  out["usage"] = {{"user_s", seconds(usage.ru_utime)},
                  {"system_s", seconds(usage.ru_stime)},
                  {"peak_rss", peak_rss(usage)},
                  {"minor_faults", usage.ru_minflt},
                  {"major_faults", usage.ru_majflt}};
  out["prices"] = prices_json(report.prices);
  out["processes"] = Json::array();
  for (const Record& record : report.records) out["processes"].push_back(record_json(record, report.prices));
  Json& summary = out["summary"];
  summary = {{"processes", sum.processes}, {"records", sum.records}, {"without_record", sum.without_record}};
  const bool counted = sum.counted != 0;
  const auto figure = [&](std::uint64_t number) { return counted ? Json(number) : Json(nullptr); };
  summary["allocations"] = figure(sum.allocations);
  summary["frees"] = figure(sum.frees);
  summary["requested_bytes"] = figure(sum.requested_bytes);
  summary["usable_bytes"] = figure(sum.usable_bytes);
  summary["failures"] = figure(sum.failures);
  summary["passed_on"] = figure(sum.foreign);
  summary["kernel_allocations"] = figure(sum.kernel_allocations);
  summary["kernel_failures"] = sum.records != 0 ? Json(sum.kernel_failures) : Json(nullptr);
  summary["served_share"] = sum.served() ? Json(*sum.served()) : Json(nullptr);
  summary["crossing"] = sum.records != 0 ? crossing_json(sum.crossing) : Json(nullptr);
  if (!counted) {
    summary["reason"] = sum.records == 0 ? "no process left a record" : "no record has its calls counted";
  }
  return json_text(out);
}

}  // namespace loam::tool

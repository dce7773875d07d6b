// `loam stats PID`: the figures of a running process, asked of the process itself.

#include <fmt/format.h>

#include <cstdio>
#include <memory>

#include "tool/commands/commands.hpp"
#include "tool/commands/output_options.hpp"
#include "tool/model/control_client.hpp"
#include "tool/model/files.hpp"
#include "tool/model/json_value.hpp"
#include "tool/model/prices.hpp"
#include "tool/model/record.hpp"
#include "tool/render/json.hpp"
#include "tool/render/record.hpp"

namespace loam::tool {
namespace {

struct StatsOptions {
  OutputOptions output;
  std::uint64_t pid = 0;
};

std::string stats_json(const Snapshot& snapshot, const Record& record, const Prices& prices) {
  Json out;
  out["schema"] = "loam-stats/1";
  out["library"] = snapshot.library;
  out["pause_ns"] = snapshot.pause_ns;
  out["round_trip_ns"] = snapshot.round_trip_ns;
  out["prices"] = prices_json(prices);
  out["process"] = record_json(record, prices);
  return json_text(out);
}

void stats(const StatsOptions& options) {
  const Snapshot snapshot = ask_stats(options.pid);
  Record record;
  record.slot = snapshot.slot;
  record.class_bytes = snapshot.class_bytes;
  const Prices prices = measure_prices(Effort::kQuick);
  const Palette palette = options.output.output.empty() ? Palette::for_file(stdout) : Palette(false);
  std::string text;
  if (options.output.json()) {
    text = stats_json(snapshot, record, prices);
  } else {
    text = record_text(record, prices, palette);
    text += fmt::format("  answered in {}, threads held up for {}\n",
                        human_ns(static_cast<double>(snapshot.round_trip_ns)),
                        human_ns(static_cast<double>(snapshot.pause_ns)));
  }
  write_output(options.output.output, stdout, text);
}

}  // namespace

void register_stats(CLI::App& app) {
  CLI::App& command = add_command(
      app, "stats", "Show the figures of a process that runs on loam now",
      "Nothing is attached to the process: it answers a signal, and is checked first to be one that does.\n"
      "As after any signal that is caught, poll(), select() and sleep() return early once; read() and the "
      "like go on.\n"
      "What needs every call seen is known only if it was started under loam run --stats.\n\n"
      "Exit status: 0 done, 1 the process does not run on loam, may not be asked or does not answer, 2 wrong "
      "usage.\n\n"
      "Examples:\n"
      "  loam stats 4711\n"
      "  loam stats 4711 --format json --output now.json");
  auto options = std::make_shared<StatsOptions>();
  add_process(command, options->pid);
  options->output.add_to(command, "standard output");
  on_run(command, [options] { stats(*options); });
}

}  // namespace loam::tool

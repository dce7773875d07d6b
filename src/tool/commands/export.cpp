// `loam export`: a recording in the formats of other tools.

#include <fmt/format.h>

#include <cstdio>
#include <memory>

#include "tool/commands/arguments.hpp"
#include "tool/commands/commands.hpp"
#include "tool/model/failure.hpp"
#include "tool/render/exports.hpp"

namespace loam::tool {
namespace {

struct ExportOptions {
  std::string file;
  std::string format = "csv";
  std::string output;
};

struct Format {
  const char* name;
  void (*write)(HeapEvents& events, PackedOutput& out);
};
constexpr Format kFormats[] = {{"csv", write_csv},
                               {"folded", write_folded},
                               {"json", write_summary_json},
                               {"pprof", write_pprof},
                               {"speedscope", write_speedscope},
                               {"trace", write_trace},
                               {"heaptrack", write_heaptrack}};

void export_recording(const ExportOptions& options) {
  const std::unique_ptr<HeapEvents> opened = open_events(options.file);
  HeapEvents& events = *opened;
  // What reads pprof expects it packed, whatever its name; the others tell by the name.
  PackedOutput out(options.output, options.format == "pprof" ? Packing::kGzip : packing_for(options.output));
  for (const Format& format : kFormats)
    if (options.format == format.name) format.write(events, out);
  out.finish();
  const RecordingFacts facts = events.facts();
  for (const std::string& remark : facts.remarks) fmt::print(stderr, "loam: {}\n", remark);
  if (facts.is_damaged) set_exit_status(kExitFailure);
}

}  // namespace

void register_export(CLI::App& app) {
  CLI::App& command = add_command(
      app, "export", "Write a recording in a format that other tools read",
      "csv: a line an event, for tables and databases. folded: a line a stack with the bytes that it "
      "allocated, for flame\n"
      "graphs. json: sums and call sites. pprof: profile.proto, gzipped, for pprof and what reads it. "
      "speedscope: for\n"
      "speedscope. trace: the heap over time, for Perfetto and chrome://tracing. heaptrack: for "
      "heaptrack_print and\n"
      "heaptrack_gui. An output that is named .gz or .zst is packed.\n\n"
      "Exit status: 0 done, 1 the recording cannot be read, or only up to where "
      "it is damaged, 2 wrong usage.\n\n"
      "Examples:\n"
      "  loam export python3.loam --output events.csv\n"
      "  loam export --format folded python3.loam\n"
      "  loam export --format pprof python3.loam --output python3.pb.gz");
  auto options = std::make_shared<ExportOptions>();
  add_file(command, "FILE", options->file,
           "A recording of loam record, or what heaptrack or mtrace() of the C library wrote");
  std::vector<std::string> names;
  for (const Format& format : kFormats) names.emplace_back(format.name);
  add_choice(command, "--format", options->format, names, "csv unless given; see below");
  add_text(command, "-o,--output", options->output, "FILE", "Write to FILE instead of standard output");
  on_run(command, [options] { export_recording(*options); });
}

}  // namespace loam::tool

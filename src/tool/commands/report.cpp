// `loam report`: a recording as a page to look at.

#include <fmt/format.h>

#include <filesystem>
#include <memory>

#include "tool/commands/arguments.hpp"
#include "tool/commands/commands.hpp"
#include "tool/model/failure.hpp"
#include "tool/model/files.hpp"
#include "tool/model/heap_events.hpp"
#include "tool/model/json_value.hpp"
#include "tool/model/report.hpp"
#include "tool/render/report_page.hpp"
#include "tool/render/text.hpp"

namespace loam::tool {
namespace {

struct ReportOptions {
  std::string file;
  std::string output;
  std::string policies;
  std::string findings;
  std::string compare;
  std::string binary;
};

constexpr std::size_t kMostBeside = std::size_t{64} << 20;

// `schema`: what the file must be.
Json read_beside(const std::string& path, const std::string& schema) {
  const auto text = read_file(path, kMostBeside);
  if (!text) throw Failure(kExitFailure, fmt::format("cannot read {}", path));
  Json json = Json::parse_or_null(*text);
  if (const Json& found = json.find("schema"); !found.is_string() || found.get<std::string>() != schema)
    throw Failure(kExitFailure, fmt::format("{} is no {} in JSON", path, schema));
  return json;
}

// The heap of each policy when most bytes were live, with its parts, as the page draws them.
Json policies_in(const std::string& path) {
  if (path.empty()) return nullptr;
  const Json replay = read_beside(path, "loam-replay/1");
  Json out = Json::array();
  try {
    for (const Json& from : replay.at("policies")) {
      const Json& parts = from.at("at_most_live");
      out.push_back({{"name", from.at("policy")},
                     {"peak_heap", parts.at("heap_bytes")},
                     {"header", parts.at("header_bytes")},
                     {"padding", parts.at("padding_bytes")},
                     {"external", parts.at("free_bytes")},
                     {"grow_calls", from.at("grows")},
                     {"shrink_calls", from.at("shrinks")}});
    }
  } catch (const JsonError&) {
    throw Failure(kExitFailure, fmt::format("{} is not what loam replay --format json writes", path));
  }
  return out;
}

Json findings_in(const std::string& path) {
  if (path.empty()) return nullptr;
  const Json check = read_beside(path, "loam-check/1");
  if (!check.find("findings").is_array())
    throw Failure(kExitFailure, fmt::format("{} is not what loam check --format json writes", path));
  return check.at("findings");
}

void report(const ReportOptions& options) {
  const std::unique_ptr<HeapEvents> opened = open_events(options.file);
  HeapEvents& events = *opened;
  ReportBeside beside;
  beside.policies = policies_in(options.policies);
  beside.findings = findings_in(options.findings);
  Comparison comparison;
  if (!options.compare.empty()) {
    const std::unique_ptr<HeapEvents> before = open_events(options.compare);
    before->look_in_all(options.binary);
    events.look_in_all(options.binary);
    comparison = compare(*before, events, CompareBy::kLive);
    beside.comparison = &comparison;
    for (const std::string& remark : comparison.before.facts.remarks)
      fmt::print(stderr, "loam: {}: {}\n", options.compare, remark);
  }
  const std::unique_ptr<Report> made = make_report(events, {});
  const std::string output = options.output.empty() ? options.file + ".html" : options.output;
  write_output(output, stdout, report_page(report_data(*made, events, beside)));
  for (const std::string& remark : made->facts.remarks) fmt::print(stderr, "loam: {}\n", remark);
  if (made->facts.is_damaged) set_exit_status(kExitFailure);
  fmt::print("{}\n", std::filesystem::absolute(output).string());
}

}  // namespace

void register_report(CLI::App& app) {
  CLI::App& command = add_command(
      app, "report", "Make a page of a recording, to look at in a browser",
      "One HTML file with everything in it: no server, no network. Prints its path.\n\n"
      "Exit status: 0 done, 1 the recording cannot be read or the page not written, 2 wrong usage.\n\n"
      "Examples:\n"
      "  loam report python3.loam\n"
      "  loam report server.loam --output server.html --findings check.json\n"
      "  loam report after.loam --compare before.loam");
  auto options = std::make_shared<ReportOptions>();
  add_file(command, "FILE", options->file,
           "A recording of loam record, or what heaptrack or mtrace() of the C library wrote");
  add_text(command, "-o,--output", options->output, "FILE", "The page; FILE.html unless given");
  add_text(command, "--policies", options->policies, "FILE", "What loam replay --format json has written");
  add_text(command, "--findings", options->findings, "FILE", "What loam check --format json has written");
  add_text(command, "--compare", options->compare, "FILE",
           "An earlier recording: the page shows what grew since then, what is new and what is gone");
  add_text(command, "--binary", options->binary, "FILE,...",
           "Where a module was built anew since it was recorded: its file of then, or a folder with it");
  on_run(command, [options] { report(*options); });
}

}  // namespace loam::tool

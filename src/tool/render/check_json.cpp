#include <fmt/format.h>
#include <sys/wait.h>

#include <filesystem>

#include "tool/model/json_value.hpp"
#include "tool/render/check.hpp"
#include "tool/render/frames.hpp"
#include "tool/render/json.hpp"

namespace loam::tool {
namespace {

Json finding_json(const CheckFinding& finding) {
  Json out = {{"kind", finding.kind},
              {"message", finding.message},
              {"address", fmt::format("{:#x}", finding.address)},
              {"bytes", finding.bytes},
              {"blocks", finding.blocks},
              {"times", finding.times},
              {"processes", finding.processes},
              {"pid", finding.pid},
              {"stacks", Json::array()}};
  if (!finding.leak_class.empty()) {
    out["class"] = finding.leak_class;
    out["resident"] = finding.resident;
    out["indirect"] = {{"bytes", finding.indirect_bytes}, {"blocks", finding.indirect_blocks}};
  }
  if (!finding.notes.empty()) out["notes"] = finding.notes;
  for (const CheckStack& stack : finding.stacks) {
    Json frames = Json::array();
    for (const SourceFrame& frame : stack.frames) frames.push_back(frame_json(frame));
    out["stacks"].push_back({{"role", stack.role}, {"thread", stack.thread}, {"frames", frames}});
  }
  return out;
}

// The frame that a reader wants first: the innermost one with a source line.
const SourceFrame* best_frame(const CheckStack& stack) {
  for (const SourceFrame& frame : stack.frames) {
    if (!frame.file.empty() && frame.line > 0) return &frame;
  }
  return nullptr;
}

Json location_json(const SourceFrame& frame, const std::string& message) {
  const std::string uri =
      std::filesystem::path(frame.file).is_absolute() ? "file://" + frame.file : frame.file;
  Json out = {
      {"physicalLocation", {{"artifactLocation", {{"uri", uri}}}, {"region", {{"startLine", frame.line}}}}}};
  if (!message.empty()) out["message"] = {{"text", message}};
  if (!frame.function.empty()) out["logicalLocations"] = {{{"fullyQualifiedName", frame.function}}};
  return out;
}

Json result_json(const CheckFinding& finding) {
  Json result = {{"ruleId", finding.kind},
                 {"level", "error"},
                 {"message", {{"text", finding.message}}},
                 {"occurrenceCount", finding.times},
                 {"locations", Json::array()},
                 {"relatedLocations", Json::array()}};
  for (const CheckStack& stack : finding.stacks) {
    const SourceFrame* frame = best_frame(stack);
    if (frame == nullptr) continue;
    if (result["locations"].empty()) result["locations"].push_back(location_json(*frame, ""));
    result["relatedLocations"].push_back(location_json(*frame, stack.role));
  }
  return result;
}

std::string escaped(const std::string& text) {
  std::string out;
  for (const char c : text) {
    switch (c) {
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      case '&':
        out += "&amp;";
        break;
      case '"':
        out += "&quot;";
        break;
      default:
        out += static_cast<unsigned char>(c) < 0x20 && c != '\n' ? ' ' : c;
    }
  }
  return out;
}

}  // namespace

std::string check_json(const CheckReport& report) {
  const int status = report.ended.wait_status;
  const CheckSummary& sum = report.summary;
  Json out;
  out["schema"] = "loam-check/1";
  out["program"] = report.program;
  out["pid"] = report.ended.pid;
  out["status"] =
      WIFEXITED(status) ? Json{{"exit", WEXITSTATUS(status)}} : Json{{"signal", WTERMSIG(status)}};
  out["findings"] = Json::array();
  for (const CheckFinding& finding : report.findings) out["findings"].push_back(finding_json(finding));
  out["summary"] = {{"findings", report.findings.size()},
                    {"suppressed", sum.suppressed},
                    {"lost_findings", sum.lost_findings},
                    {"processes", sum.processes},
                    {"without_record", sum.without_record},
                    {"unfinished", sum.unfinished},
                    {"blocks", sum.blocks},
                    {"guarded", sum.guarded},
                    {"unwatched", sum.unwatched},
                    {"not_watched", sum.not_watched},
                    {"notes", sum.notes},
                    {"leaks_searched", sum.leaks_searched},
                    {"reachable_bytes", sum.reachable_bytes},
                    {"reachable_blocks", sum.reachable_blocks},
                    {"uncertain_blocks", sum.uncertain_blocks},
                    {"poison", sum.has_poison},
                    {"guard_pages", sum.has_window}};
  return json_text(out);
}

std::string check_sarif(const CheckReport& report) {
  static constexpr const char* kRules[] = {
      "double-free", "invalid-free", "mismatched-free", "overflow", "underflow", "use-after-free", "leak"};
  Json rules = Json::array();
  for (const char* rule : kRules) rules.push_back({{"id", rule}, {"shortDescription", {{"text", rule}}}});
  Json results = Json::array();
  for (const CheckFinding& finding : report.findings) results.push_back(result_json(finding));
  Json out;
  out["$schema"] = "https://json.schemastore.org/sarif-2.1.0.json";
  out["version"] = "2.1.0";
  out["runs"] = {{{"tool", {{"driver", {{"name", "loam"}, {"version", LOAM_VERSION}, {"rules", rules}}}}},
                  {"results", results}}};
  return json_text(out);
}

std::string check_junit(const CheckReport& report) {
  const std::size_t failures = report.findings.size();
  std::string name;
  for (const std::string& word : report.program) name += (name.empty() ? "" : " ") + word;
  std::string out = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n";
  out += fmt::format("<testsuite name=\"loam check\" tests=\"{}\" failures=\"{}\">\n",
                     failures == 0 ? 1 : failures, failures);
  if (failures == 0) out += fmt::format("  <testcase name=\"{}\"/>\n", escaped(name));
  for (const CheckFinding& finding : report.findings) {
    out += fmt::format("  <testcase name=\"{}\" classname=\"{}\">\n    <failure type=\"{}\" message=\"{}\">",
                       escaped(name), finding.kind, finding.kind, escaped(finding.message));
    for (const CheckStack& stack : finding.stacks) {
      out += std::string(stack.role) + "\n";
      for (const SourceFrame& frame : stack.frames) out += "  " + escaped(frame_text(frame)) + "\n";
    }
    out += "</failure>\n  </testcase>\n";
  }
  return out + "</testsuite>\n";
}

}  // namespace loam::tool

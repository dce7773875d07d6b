#include <fmt/format.h>
#include <fmt/ranges.h>
#include <sys/wait.h>

#include <filesystem>

#include "tool/model/files.hpp"
#include "tool/render/check.hpp"
#include "tool/render/frames.hpp"

namespace loam::tool {
namespace {

constexpr std::size_t kFramesShown = 16;

std::string status_text(int status) {
  if (WIFEXITED(status)) return fmt::format("exit status {}", WEXITSTATUS(status));
  return fmt::format("killed by signal {} ({})", WTERMSIG(status), signal_text(WTERMSIG(status)));
}

const char* role_text(const std::string& role, const CheckFinding& finding) {
  if (role == "allocation") return "allocated";
  if (role == "free") return finding.kind == std::string("double-free") ? "freed first" : "freed";
  const std::string kind = finding.kind;
  if (kind.ends_with("free") && kind != "use-after-free") return "freed";
  return finding.stacks.front().role == role && kind != "use-after-free" &&
                 finding.message.ends_with("seen later")
             ? "seen"
             : "accessed";
}

// What calls main is the same everywhere.
std::size_t frames_of_program(const CheckStack& stack) {
  for (std::size_t i = 0; i < stack.frames.size(); ++i) {
    if (stack.frames[i].function == "main") return i + 1;
  }
  return stack.frames.size();
}

// The innermost frame in a source that is there, and that is not the system's.
std::size_t frame_to_quote(const CheckStack& stack, std::size_t count) {
  std::size_t any = count;
  for (std::size_t i = count; i-- > 0;) {
    if (source_line(stack.frames[i]).empty()) continue;
    if (any == count || !stack.frames[i].file.starts_with("/usr/") ||
        stack.frames[any].file.starts_with("/usr/"))
      any = i;
  }
  return any;
}

std::string stack_text(const CheckStack& stack, const CheckFinding& finding, const Palette& palette) {
  std::string out = stack.thread == 0
                        ? fmt::format("  {}\n", role_text(stack.role, finding))
                        : fmt::format("  {} by thread {}\n", role_text(stack.role, finding), stack.thread);
  const std::size_t count = frames_of_program(stack);
  const std::size_t quoted = frame_to_quote(stack, count);
  bool first = true;
  for (std::size_t i = 0; i < count && i < kFramesShown; ++i) {
    const SourceFrame& frame = stack.frames[i];
    if (is_inside_library(stack.frames, i)) continue;
    out += fmt::format("    {} {}{}\n", first ? "at" : "by", frame_text(frame),
                       frame.inlined ? " (inlined)" : "");
    first = false;
    const std::string line = i == quoted ? source_line(frame) : std::string();
    if (!line.empty()) out += "         " + palette.paint(Style::kDim, "| " + line) + "\n";
  }
  const std::size_t more = (count > kFramesShown ? count - kFramesShown : 0) + stack.left_out;
  if (more > 0) out += fmt::format("      and {} more\n", more);
  return out;
}

std::string finding_text(const CheckFinding& finding, std::size_t number, const Palette& palette) {
  std::string out =
      palette.paint(Style::kBad, fmt::format("{}. {}", number, finding.kind)) + ": " + finding.message + "\n";
  const std::string where = finding.processes > 1 ? fmt::format(" in {} processes", finding.processes) : "";
  if (!finding.leak_class.empty())
    out += fmt::format("  {}, {} resident\n", finding.leak_class, human_bytes(finding.resident));
  for (const std::string& note : finding.notes) out += "  " + note + "\n";
  for (const CheckStack& stack : finding.stacks) out += stack_text(stack, finding, palette);
  if (finding.times > 1)
    out += fmt::format("  met {} times{}\n", with_thousands(finding.times), where);
  else if (!where.empty())
    out += fmt::format("  met{}\n", where);
  return out + "  " + finding.advice + "\n\n";
}

std::string watched_text(const CheckSummary& sum) {
  std::string out = fmt::format("  watched: {} block{} in {} process{}, {} of them behind a guard page\n",
                                with_thousands(sum.blocks), sum.blocks == 1 ? "" : "s", sum.processes,
                                sum.processes == 1 ? "" : "es", with_thousands(sum.guarded));
  if (sum.unwatched != 0)
    out += fmt::format("  {} freed blocks were used again at once: writes to them were out of reach\n",
                       with_thousands(sum.unwatched));
  if (sum.unfinished != 0)
    out += fmt::format("  {} process{} ended without exit(): damage and leaks there were not looked for\n",
                       sum.unfinished, sum.unfinished == 1 ? "" : "es");
  if (!sum.leaks_searched) out += "  leaks were not looked for\n";
  if (!sum.has_poison)
    out += "  no address space for poison: following a pointer out of a freed block was out of reach\n";
  if (!sum.has_window)
    out += "  no address space for guard pages: reads outside of blocks were out of reach\n";
  if (sum.without_record != 0)
    out += fmt::format("  {} processes were not watched: the finding file was full\n", sum.without_record);
  if (sum.lost_findings != 0)
    out += fmt::format("  {} more findings did not fit into the finding file\n", sum.lost_findings);
  if (sum.uncertain_blocks != 0)
    out += fmt::format(
        "  {} blocks may be held by registers of threads that could not be stopped (--leaks=all shows "
        "them)\n",
        with_thousands(sum.uncertain_blocks));
  for (const std::string& program : sum.not_watched) out += "  not watched: " + program + "\n";
  for (const std::string& note : sum.notes) out += "  note: " + note + "\n";
  for (const std::string& failure : sum.leak_failures) out += "  leaks: " + failure + "\n";
  if (sum.suppressed != 0) out += fmt::format("  {} suppressed\n", sum.suppressed);
  return out;
}

}  // namespace

std::string check_text(const CheckReport& report, const Palette& palette) {
  std::string out =
      palette.paint(Style::kBold, fmt::format("loam check: {}", fmt::join(report.program, " "))) + "\n";
  if (report.summary.processes == 0) {
    return out + palette.paint(Style::kWarn, "no process was watched") +
           ": loam did not start in the program (LD_PRELOAD was removed, or the program is on the deny "
           "list)\n";
  }
  out += "  " + status_text(report.ended.wait_status) + "\n" + watched_text(report.summary) + "\n";
  std::size_t number = 0;
  for (const CheckFinding& finding : report.findings) out += finding_text(finding, ++number, palette);
  if (report.findings.empty()) return out + palette.paint(Style::kGood, "no findings") + "\n";
  return out + palette.paint(Style::kBad, fmt::format("{} finding{}", number, number == 1 ? "" : "s")) + "\n";
}

}  // namespace loam::tool

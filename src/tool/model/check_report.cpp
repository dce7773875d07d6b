#include "tool/model/check_report.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <map>

#include "tool/model/failure.hpp"
#include "tool/model/program.hpp"

namespace loam::tool {
namespace {

using format::FindingAccess;
using format::FindingEvidence;
using format::FindingFamily;
using format::FindingKind;
using format::FindingRecord;

const char* kind_name(FindingKind kind) {
  switch (kind) {
    case FindingKind::kDoubleFree:
      return "double-free";
    case FindingKind::kInvalidFree:
      return "invalid-free";
    case FindingKind::kMismatchedFree:
      return "mismatched-free";
    case FindingKind::kOverflow:
      return "overflow";
    case FindingKind::kUnderflow:
      return "underflow";
    case FindingKind::kUseAfterFree:
      break;
  }
  return "use-after-free";
}

const char* allocator_name(FindingFamily family) {
  return family == FindingFamily::kNew ? "new" : family == FindingFamily::kNewArray ? "new[]" : "malloc";
}

const char* release_name(FindingFamily family) {
  return family == FindingFamily::kNew ? "delete" : family == FindingFamily::kNewArray ? "delete[]" : "free";
}

const char* access_name(FindingAccess access) {
  return access == FindingAccess::kRead      ? "read"
         : access == FindingAccess::kWrite   ? "write"
         : access == FindingAccess::kExecute ? "jump"
                                             : "access";
}

std::string plural(std::int64_t count) { return fmt::format("{} byte{}", count, count == 1 ? "" : "s"); }

// "4 bytes past the end of", "1 byte in front of", "8 bytes inside".
std::string place_of(const FindingRecord& record) {
  const auto size = static_cast<std::int64_t>(record.size);
  if (record.offset < 0) return plural(-record.offset) + " in front of";
  if (record.offset >= size) {
    return record.offset == size ? std::string("right behind")
                                 : plural(record.offset - size) + " past the end of";
  }
  return record.offset == 0 ? std::string("at the start of") : plural(record.offset) + " inside";
}

std::string block_of(const FindingRecord& record) {
  return fmt::format("a block of {} from {}", plural(static_cast<std::int64_t>(record.size)),
                     allocator_name(record.allocated_as));
}

std::string invalid_free_message(const FindingRecord& record) {
  const char* call = release_name(record.freed_as);
  if (record.block == 0) {
    return fmt::format("{} of {:#x}, which is no block of the heap ({})", call, record.address, record.place);
  }
  return fmt::format("{} of {:#x}, {} {}", call, record.address, place_of(record), block_of(record));
}

std::string mismatch_message(const FindingRecord& record) {
  if (record.sized != 0) {
    return fmt::format("sized {} of {} with a size of {}", release_name(record.freed_as), block_of(record),
                       record.extent);
  }
  return fmt::format("{} by {}", block_of(record), release_name(record.freed_as));
}

std::string bounds_message(const FindingRecord& record) {
  if (record.evidence == FindingEvidence::kFault) {
    return fmt::format("{} at {:#x}, {} {}", access_name(record.access), record.address, place_of(record),
                       block_of(record));
  }
  return fmt::format("write of {} at {:#x}, {} {}, seen later", plural(record.extent), record.address,
                     place_of(record), block_of(record));
}

std::string use_message(const FindingRecord& record) {
  switch (record.evidence) {
    case FindingEvidence::kPoison:
      return fmt::format("write of {} at {:#x}, {} {} after it was freed, seen later", plural(record.extent),
                         record.address, place_of(record), block_of(record));
    case FindingEvidence::kPoisonRead:
      if (record.access == FindingAccess::kRelease) {
        return fmt::format("{} of a pointer that was read from {} after it was freed",
                           release_name(record.freed_as), block_of(record));
      }
      return fmt::format(
          "{} through a pointer that was read from {} after it was freed (at {} from what the pointer was)",
          access_name(record.access), block_of(record), plural(record.extent));
    default:
      return fmt::format("{} at {:#x}, {} {} after it was freed", access_name(record.access), record.address,
                         place_of(record), block_of(record));
  }
}

std::string message_of(const FindingRecord& record) {
  switch (record.kind) {
    case FindingKind::kDoubleFree:
      return fmt::format("{} of {} that was freed before", release_name(record.freed_as), block_of(record));
    case FindingKind::kInvalidFree:
      return invalid_free_message(record);
    case FindingKind::kMismatchedFree:
      return mismatch_message(record);
    case FindingKind::kOverflow:
    case FindingKind::kUnderflow:
      return bounds_message(record);
    case FindingKind::kUseAfterFree:
      break;
  }
  return use_message(record);
}

std::string advice_of(const FindingRecord& record) {
  switch (record.kind) {
    case FindingKind::kDoubleFree:
      return "Of the two frees shown one must go; where both are meant, set the pointer to null after the "
             "first.";
    case FindingKind::kInvalidFree:
      return "Free exactly the pointer that the allocation returned.";
    case FindingKind::kMismatchedFree:
      return record.sized != 0
                 ? "The static type at the delete is not that of the object: a virtual destructor is "
                   "missing, "
                   "or the pointer was cast."
                 : fmt::format("What comes from {} goes by {}.", allocator_name(record.allocated_as),
                               release_name(record.allocated_as));
    case FindingKind::kOverflow:
    case FindingKind::kUnderflow:
      return record.evidence == FindingEvidence::kFault
                 ? "The access shown is outside of the block: check the index or length against the size."
                 : "The write itself was not seen: it happened after the allocation, and before what is "
                   "shown first.";
    case FindingKind::kUseAfterFree:
      break;
  }
  return record.evidence == FindingEvidence::kPoison
             ? "The write itself was not seen; 'loam check --full' stops at it. Whoever still holds the "
               "pointer must not use "
               "it after the free shown."
             : "Whoever still holds the pointer must not use it after the free shown.";
}

SourceModule module_of(const format::FindingModule& record) {
  return {record.path,
          {record.build_id,
           record.build_id + std::min<std::size_t>(record.build_id_bytes, sizeof record.build_id)}};
}

// The runtime's own frames on the way to the finding are nobody's business. Of a call that the kernel refused its name is.
class OurFrames {
 public:
  // Whether the frame is ours, and so not to be shown.
  bool take(const SourceFrame& frame) {
    const std::string name = frame.module.substr(frame.module.rfind('/') + 1);
    const bool interposed = name.starts_with("libloam-check.so");
    if (interposed) call_ = frame;
    return interposed || name.starts_with("libloam.so");
  }
  // The function of the C library that the program called, if they had to do with one.
  void add_call(std::vector<SourceFrame>& frames) {
    if (call_.function.empty()) return;
    call_.file.clear();
    call_.line = 0;
    call_.inlined = false;
    frames.push_back(std::move(call_));
  }

 private:
  SourceFrame call_;
};

CheckStack stack_of(const format::FindingStack& record, const char* role, const format::FindingFile& file,
                    Symbols& symbols) {
  CheckStack stack;
  stack.role = role;
  stack.thread = record.thread;
  const std::uint32_t count = std::min<std::uint32_t>(record.frames, format::kMaxFrames);
  OurFrames ours;
  stack.left_out = record.depth > count ? record.depth - count : 0;
  for (std::uint32_t i = 0; i < count; ++i) {
    const format::FindingFrame& frame = record.frame[i];
    if (frame.module >= format::kMaxModules || file.module[frame.module].ready.load() == 0) {
      SourceFrame unknown;
      unknown.address = frame.address;
      stack.frames.push_back(unknown);
      continue;
    }
    const bool exact = i == 0 && record.exact != 0;
    const SourceModule module = module_of(file.module[frame.module]);
    for (SourceFrame& found : symbols.find(module, frame.offset, frame.address, exact)) {
      if (stack.frames.empty() && ours.take(found)) continue;
      if (stack.frames.empty()) ours.add_call(stack.frames);
      stack.frames.push_back(std::move(found));
    }
  }
  return stack;
}

CheckFinding finding_of(const FindingRecord& record, const format::FindingFile& file, Symbols& symbols) {
  static constexpr const char* kRoles[format::kStackRoles] = {"access", "allocation", "free"};
  CheckFinding finding;
  finding.kind = kind_name(record.kind);
  finding.message = message_of(record);
  finding.advice = advice_of(record);
  finding.pid = record.pid;
  finding.address = record.address;
  finding.block = record.block;
  finding.bytes = record.size;
  finding.blocks = record.block == 0 ? 0 : 1;
  finding.times = 1 + record.repeats.load();
  for (std::size_t role = 0; role < format::kStackRoles; ++role) {
    CheckStack stack = stack_of(record.stacks[role], kRoles[role], file, symbols);
    if (!stack.frames.empty()) finding.stacks.push_back(std::move(stack));
  }
  return finding;
}

void add_processes(CheckSummary& sum, const format::FindingFile& file) {
  const std::uint64_t claimed = file.processes.load();
  const std::uint64_t count = std::min<std::uint64_t>(claimed, format::kMaxProcesses);
  sum.without_record = claimed - count;
  for (std::uint64_t i = 0; i < count; ++i) {
    const format::ProcessRecord& process = file.process[i];
    if (process.ready.load() == 0) continue;
    ++sum.processes;
    if (process.finished.load() == 0) ++sum.unfinished;
    sum.blocks += process.blocks.load();
    sum.guarded += process.guarded.load();
    sum.unwatched += process.unwatched.load();
    sum.lost_findings += process.lost_findings.load();
    sum.has_poison = sum.has_poison && process.poison_bytes.load() != 0;
    sum.has_window = sum.has_window && process.window_bytes.load() != 0;
    sum.has_light_guards = sum.has_light_guards && process.light_guards.load() != 0;
  }
}

// What was executed and could not be watched, or not wholly.
void add_programs(CheckSummary& sum, const format::FindingFile& file) {
  const std::uint64_t count = std::min<std::uint64_t>(file.programs.load(), format::kMaxPrograms);
  for (std::uint64_t i = 0; i < count; ++i) {
    if (file.program[i].ready.load(std::memory_order_acquire) == 0) continue;
    try {
      const Program program = resolve_program(file.program[i].path);
      sum.notes.insert(sum.notes.end(), program.warnings.begin(), program.warnings.end());
    } catch (const Failure& failure) {
      // What is not there was not run: shells try one folder after the other.
      if (failure.status() == kExitRefused) sum.not_watched.emplace_back(failure.what());
    }
  }
}

// The same defect in several processes: one finding, of the process that met it first.
void add_finding(std::vector<CheckFinding>& findings, std::map<std::string, std::size_t>& known,
                 CheckFinding&& finding) {
  const auto [place, is_new] = known.emplace(key_of(finding), findings.size());
  if (is_new) {
    findings.push_back(std::move(finding));
    return;
  }
  CheckFinding& first = findings[place->second];
  first.times += finding.times;
  if (std::find(first.more_pids.begin(), first.more_pids.end(), finding.pid) == first.more_pids.end() &&
      finding.pid != first.pid)
    first.more_pids.push_back(finding.pid);
  first.processes = 1 + first.more_pids.size();
}

}  // namespace

bool is_suppressed(const CheckFinding& finding, const Suppressions& suppressions) {
  return std::any_of(finding.stacks.begin(), finding.stacks.end(),
                     [&](const CheckStack& stack) { return suppressions.match(finding.kind, stack.frames); });
}

std::string key_of(const CheckFinding& finding) {
  std::string key = fmt::format("{} {}", finding.kind, finding.leak_class);
  if (finding.stacks.empty()) key += fmt::format(" {} {:x}", finding.pid, finding.address);
  for (const CheckStack& stack : finding.stacks) {
    key += stack.role;
    for (const SourceFrame& frame : stack.frames)
      key += fmt::format(" {}+{:x}", frame.module, frame.module.empty() ? frame.address : frame.offset);
  }
  return key;
}

FindingFile::FindingFile() : file_("findings", sizeof(format::FindingFile)) {
  auto& head = *static_cast<format::FindingFile*>(file_.base());
  head.version = format::kFindingVersion;
  head.bytes = sizeof(format::FindingFile);
  head.magic.store(format::kFindingMagic, std::memory_order_release);
}

CheckReport make_check_report(const std::vector<std::string>& program, const Ended& ended,
                              const FindingFile& file, const Suppressions& suppressions, Symbols& symbols) {
  CheckReport report;
  report.program = program;
  report.ended = ended;
  const format::FindingFile& content = file.content();
  add_processes(report.summary, content);
  add_programs(report.summary, content);
  std::map<std::string, std::size_t> known;
  const std::uint64_t count = std::min<std::uint64_t>(content.findings.load(), format::kMaxFindings);
  for (std::uint64_t i = 0; i < count; ++i) {
    const FindingRecord& record = content.finding[i];
    if (record.ready.load(std::memory_order_acquire) == 0) continue;
    CheckFinding finding = finding_of(record, content, symbols);
    if (is_suppressed(finding, suppressions))
      ++report.summary.suppressed;
    else
      add_finding(report.findings, known, std::move(finding));
  }
  return report;
}

}  // namespace loam::tool

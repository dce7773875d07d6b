#include "tool/model/check_leaks.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <tuple>

#include "tool/model/files.hpp"
#include "tool/model/leak_report.hpp"

namespace loam::tool {
namespace {

using format::LeakKind;
using format::LeakRecord;

enum class Class : std::uint8_t { kDefinite, kDeadSlot, kIndirect, kUnknown };

struct Group {
  Class kind = Class::kDefinite;
  std::uint32_t stack = 0;
  std::uint64_t blocks = 0;
  std::uint64_t bytes = 0;
  std::uint64_t resident = 0;
  std::uint64_t indirect_blocks = 0;
  std::uint64_t indirect_bytes = 0;
  std::uint64_t example = 0;  // address of a block
  std::uint64_t processes = 1;
  std::vector<std::string> notes;  // different ones
  std::uint64_t whole() const { return bytes + indirect_bytes; }
};

Class class_of(LeakKind kind) {
  if (kind == LeakKind::kDefinite) return Class::kDefinite;
  return kind == LeakKind::kDeadSlot ? Class::kDeadSlot : Class::kIndirect;
}

const char* class_name(Class kind) {
  static constexpr const char* kNames[] = {"definite", "dead-slot", "indirect", "unknown"};
  return kNames[static_cast<std::size_t>(kind)];
}

std::string amount(std::uint64_t bytes, std::uint64_t blocks) {
  return fmt::format("{} byte{} in {} block{}", bytes, bytes == 1 ? "" : "s", blocks, blocks == 1 ? "" : "s");
}

std::string message_of(const Group& group) {
  std::string text = amount(group.bytes, group.blocks);
  const char* verb = group.blocks == 1 ? "is" : "are";
  switch (group.kind) {
    case Class::kDefinite:
      text += fmt::format(" {} lost: no pointer leads there", verb);
      break;
    case Class::kDeadSlot:
      text += fmt::format(" {} lost but for a place that looks unused and points there", verb);
      break;
    case Class::kUnknown:
      text += fmt::format(" {} lost, unless a register of a thread that waits points there", verb);
      break;
    case Class::kIndirect:
      text += fmt::format(" {} lost with what points there", verb);
      break;
  }
  if (group.indirect_blocks != 0)
    text += fmt::format("; on these hang{} {}", group.indirect_blocks == 1 ? "s" : "",
                        amount(group.indirect_bytes, group.indirect_blocks));
  return text;
}

// The library's counted objects say so in a note, with the fields by which they hold each other.
bool is_cycle(const Group& group) {
  return std::any_of(group.notes.begin(), group.notes.end(),
                     [](const std::string& note) { return note.find(" in a cycle: ") != std::string::npos; });
}

const char* advice_of(const Group& group) {
  switch (group.kind) {
    case Class::kDefinite:
      if (is_cycle(group))
        return "They count each other, so no count reaches zero: make one of these fields a weak_rc, or call "
               "collect_cycles().";
      return "Whoever held the last pointer must free the block first, or hand the pointer on.";
    case Class::kDeadSlot:
      return "Most likely lost: what still points there is a value left over in a register or in a frame "
             "that nobody returns to.";
    case Class::kUnknown:
      return "Most likely lost: threads that block all signals do not show their registers.";
    case Class::kIndirect:
      break;
  }
  return "Look at the definite leak that this hangs on first.";
}

std::string note_on(const LeakReport& report, const LeakRecord& record) {
  const auto at = report.notes.lower_bound(record.address);
  return at == report.notes.end() || at->first >= record.address + record.bytes ? "" : at->second;
}

void add_note(Group& group, const std::string& note) {
  constexpr std::size_t kMostNotes = 4;
  const bool known = std::find(group.notes.begin(), group.notes.end(), note) != group.notes.end();
  if (!known && group.notes.size() < kMostNotes) group.notes.push_back(note);
}

std::vector<Group> make_groups(const LeakReport& report) {
  std::map<std::tuple<Class, std::uint32_t>, Group> groups;
  const auto group_of = [&](const LeakRecord& record) -> Group& {
    return groups[{class_of(record.kind), record.stack}];
  };
  for (const LeakRecord& record : report.records) {
    if (record.stack == format::kInherited) continue;
    Group& group = group_of(record);
    if (group.blocks++ == 0) {
      group.kind = class_of(record.kind);
      group.stack = record.stack;
      group.example = record.address;
    }
    group.bytes += record.bytes;
    group.resident += record.resident;
  }
  for (const LeakRecord& record : report.records) {
    if (class_of(record.kind) != Class::kIndirect || record.owner >= report.records.size()) continue;
    if (report.records[record.owner].stack == format::kInherited || record.stack == format::kInherited)
      continue;
    Group& owner = group_of(report.records[record.owner]);
    ++owner.indirect_blocks;
    owner.indirect_bytes += record.bytes;
  }
  for (const LeakRecord& record : report.records) {
    if (record.stack == format::kInherited) continue;
    const std::string note = note_on(report, record);
    if (note.empty()) continue;
    add_note(group_of(record), note);
    // What hangs on a block is shown with it.
    if (record.owner < report.records.size() && report.records[record.owner].stack != format::kInherited)
      add_note(group_of(report.records[record.owner]), note);
  }
  std::vector<Group> sorted;
  sorted.reserve(groups.size());
  for (const auto& [key, group] : groups) sorted.push_back(group);
  std::stable_sort(sorted.begin(), sorted.end(),
                   [](const Group& a, const Group& b) { return a.whole() > b.whole(); });
  return sorted;
}

void describe(const Group& group, CheckFinding& finding) {
  finding.message = message_of(group);
  finding.advice = advice_of(group);
  finding.bytes = group.bytes;
  finding.blocks = group.blocks;
  finding.indirect_bytes = group.indirect_bytes;
  finding.indirect_blocks = group.indirect_blocks;
  finding.resident = group.resident;
  finding.processes = group.processes;
  finding.notes = group.notes;
}

CheckFinding finding_of(const Group& group, const LeakReport& report, Symbols& symbols) {
  CheckFinding finding;
  finding.kind = "leak";
  finding.leak_class = class_name(group.kind);
  finding.pid = static_cast<std::uint32_t>(report.pid);
  finding.address = finding.block = group.example;
  describe(group, finding);
  CheckStack stack;
  stack.role = "allocation";
  CallStacks::Text text = report.stacks.describe(group.stack, symbols);
  stack.frames = std::move(text.frames);
  stack.left_out = text.left_out;
  if (!stack.frames.empty()) finding.stacks.push_back(std::move(stack));
  return finding;
}

// The leaks of all processes, where what the same calls have lost in several is one.
class AllLeaks {
 public:
  void add(const Group& group, CheckFinding&& finding) {
    const auto [place, is_new] = known_.emplace(key_of(finding), found_.size());
    if (is_new) {
      const std::uint32_t pid = finding.pid;
      found_.push_back({group, std::move(finding), pid});
      return;
    }
    Found& found = found_[place->second];
    Group& sum = found.group;
    sum.blocks += group.blocks;
    sum.bytes += group.bytes;
    sum.resident += group.resident;
    sum.indirect_blocks += group.indirect_blocks;
    sum.indirect_bytes += group.indirect_bytes;
    if (finding.pid != found.last_pid) ++sum.processes;
    found.last_pid = finding.pid;
    describe(sum, found.finding);
  }

  // Biggest first.
  void move_to(std::vector<CheckFinding>& findings) {
    std::stable_sort(found_.begin(), found_.end(),
                     [](const Found& a, const Found& b) { return a.group.whole() > b.group.whole(); });
    for (Found& found : found_) findings.push_back(std::move(found.finding));
  }

 private:
  struct Found {
    Group group;
    CheckFinding finding;
    std::uint32_t last_pid;  // they come one process after the other
  };
  std::vector<Found> found_;
  std::map<std::string, std::size_t> known_;
};

}  // namespace

void add_leaks(CheckReport& report, const std::string& folder, LeakWish wish,
               const Suppressions& suppressions, Symbols& symbols) {
  report.summary.leaks_searched = wish != LeakWish::kNo;
  if (wish == LeakWish::kNo) return;
  AllLeaks all;
  for (const LeakReport& process : read_leaks_folder(folder, report.summary.leak_failures)) {
    report.summary.reachable_blocks += process.header.reachable_blocks;
    report.summary.reachable_bytes += process.header.reachable_bytes;
    for (Group& group : make_groups(process)) {
      // Registers that nobody could see may be the last holders of as many blocks.
      if (group.kind == Class::kDefinite && group.blocks <= process.header.unknown_registers) {
        group.kind = Class::kUnknown;
        report.summary.uncertain_blocks += group.blocks;
      }
      if (group.kind != Class::kDefinite && wish != LeakWish::kAll) continue;
      CheckFinding finding = finding_of(group, process, symbols);
      if (is_suppressed(finding, suppressions))
        ++report.summary.suppressed;
      else
        all.add(group, std::move(finding));
    }
  }
  all.move_to(report.findings);
}

}  // namespace loam::tool

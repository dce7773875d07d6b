// What `loam check` found: the records of the finding file, with functions and lines for their addresses, grouped, without
// what the user has suppressed.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "format/findings.hpp"
#include "tool/model/launch.hpp"
#include "tool/model/shared_file.hpp"
#include "tool/model/suppressions.hpp"
#include "tool/model/symbols.hpp"

namespace loam::tool {

// Made before the program starts.
class FindingFile {
 public:
  FindingFile();
  const std::string& path() const { return file_.path(); }
  const format::FindingFile& content() const {
    return *static_cast<const format::FindingFile*>(file_.base());
  }

 private:
  SharedFile file_;
};

struct CheckStack {
  const char* role;  // access, allocation, free
  std::uint32_t thread = 0;
  std::vector<SourceFrame> frames;
  std::uint32_t left_out = 0;  // outer frames that were not kept
};

struct CheckFinding {
  const char* kind;
  std::string message;  // one sentence
  std::string advice;   // what to do next
  std::uint32_t pid = 0;
  std::uint64_t address = 0;
  std::uint64_t block = 0;
  std::uint64_t bytes = 0;
  std::uint64_t times = 1;
  std::uint64_t processes = 1;           // in which it was met
  std::vector<std::uint32_t> more_pids;  // of those beside the first, but for leaks
  // Of leaks only, where bytes and blocks are those of all of the group.
  std::string leak_class;
  std::uint64_t blocks = 0;
  std::uint64_t resident = 0;
  std::uint64_t indirect_bytes = 0;  // that hang on them
  std::uint64_t indirect_blocks = 0;
  std::vector<std::string> notes;  // what the program says of them
  std::vector<CheckStack> stacks;
};

struct CheckSummary {
  std::uint64_t processes = 0;
  std::uint64_t without_record = 0;
  std::uint64_t unfinished = 0;  // ended by a signal, _exit or exec: freed blocks were not looked at again
  std::uint64_t blocks = 0;
  std::uint64_t guarded = 0;
  std::uint64_t unwatched = 0;
  std::uint64_t lost_findings = 0;
  std::uint64_t suppressed = 0;
  bool leaks_searched = false;
  std::uint64_t reachable_bytes = 0;
  std::uint64_t reachable_blocks = 0;
  std::uint64_t uncertain_blocks = 0;  // that a register of a waiting thread may hold
  std::vector<std::string> leak_failures;
  std::vector<std::string> not_watched;  // executed and not served, with the reason
  std::vector<std::string> notes;        // on what was served, but may have a malloc of its own beside
  bool has_poison = true;
  bool has_window = true;
  bool has_light_guards = true;
};

struct CheckReport {
  std::vector<std::string> program;
  Ended ended;
  std::vector<CheckFinding> findings;
  CheckSummary summary;
};

// The same for findings that are the same but for the process.
std::string key_of(const CheckFinding& finding);

// One of its stacks is in the user's list.
bool is_suppressed(const CheckFinding& finding, const Suppressions& suppressions);

CheckReport make_check_report(const std::vector<std::string>& program, const Ended& ended,
                              const FindingFile& file, const Suppressions& suppressions, Symbols& symbols);

}  // namespace loam::tool

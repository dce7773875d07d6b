// The option table: every setting of the runtime, once. Parsing (parse.hpp), the flags and help of the tool,
// the man pages and the documentation are all made from it, so that the three ways to say a thing cannot
// drift apart.
//
// Invariant: kOptions is indexed by Key, and every name matches [a-z_]+ (parse.hpp finds option borders by
// it). Locking: none, everything here is constant. Usable before main and without a C++ library.
#pragma once

#include <cstddef>
#include <cstdint>

namespace loam::options {

enum class Key : std::uint8_t {
  kSource,
  kPolicy,
  kPolicyHeader,
  kPolicyBig,
  kStats,
  kVerbose,
  kDeny,
  kPurgeDelayMs,
  kAdvice,
  kFollow,
  kStacks,
  kSampleBytes,
  kLeaks,
  kCheck,
  kCheckTier,
  kGuardFirst,
  kGuardRate,
  kQuarantine,
  kFlip,
  kKeepGoing,
  kRecord,
  kRecordStacks,
  kFailNth,
  kFailFrom,
  kCount,
};

enum class Type : std::uint8_t {
  kSwitch,  // 0 or 1
  kNumber,  // decimal, between minimum and maximum
  kPath,    // any text that is not empty
  kNames,   // names separated by commas
  kSource,  // mmap, sbrk or file:PATH
  kPolicy,  // one of kPolicyNames
};

// Who has a use for the option: decides where the documentation lists it and whether the tool has a flag for
// it.
enum class Audience : std::uint8_t {
  kUser,     // flag of `loam run` and LOAM_OPTIONS
  kTool,     // set by the tool itself, through a flag of another shape
  kTesting,  // LOAM_OPTIONS only: makes kernel calls fail on purpose
};

struct Option {
  Key key;
  const char* name;
  Type type;
  Audience audience;
  const char* value_name;
  const char* fallback;  // as it would be written; nullptr: unset
  std::uint64_t minimum;
  std::uint64_t maximum;
  const char* sentence;
};

inline constexpr std::uint64_t kNoLimit = ~std::uint64_t{0};

inline constexpr Option kOptions[] = {
    {Key::kSource, "source", Type::kSource, Audience::kUser, "mmap|sbrk|file:PATH", "mmap", 0, 0,
     "Where the heap takes its pages from: anonymous mappings, the program break, or an unlinked file beside "
     "PATH."},
    {Key::kPolicy, "policy", Type::kPolicy, Audience::kUser, "POLICY", nullptr, 0, 0,
     "Serve the whole program from one region under a placement policy: first-fit, next-fit, best-fit, "
     "worst-fit, buddy, segregated or tlsf."},
    {Key::kPolicyHeader, "policy_header", Type::kNumber, Audience::kUser, "BYTES", "0", 0, 64,
     "Under a policy: so many bytes in front of each block, as an allocator with headers has them."},
    {Key::kPolicyBig, "policy_big", Type::kNumber, Audience::kUser, "BYTES", "0", 0, kNoLimit,
     "Under a policy: blocks from this size on get mappings of their own; 0 for none."},
    {Key::kStats, "stats", Type::kPath, Audience::kTool, "PATH", nullptr, 0, 0,
     "Count every call into the counter file PATH, which the tool makes and reads."},
    {Key::kVerbose, "verbose", Type::kSwitch, Audience::kUser, "0|1", "0", 0, 1,
     "Say on standard error what the heap chose at start, or why it stands aside; under a policy also what "
     "it did."},
    {Key::kDeny, "deny", Type::kNames, Audience::kUser, "NAME,NAME", nullptr, 0, 0,
     "Executables (by file name) in which loam stays passive and the C library's malloc serves."},
    {Key::kPurgeDelayMs, "purge_delay_ms", Type::kNumber, Audience::kUser, "MILLISECONDS", "500", 0,
     3'600'000,
     "About how long free pages that nobody needs stay resident before they are given back to the kernel; "
     "0: as soon as the heap notices."},
    {Key::kAdvice, "advice", Type::kSwitch, Audience::kUser, "0|1", "1", 0, 1,
     "Ask for huge pages and give free ones back by advice to the kernel; 0 shows the bare page source."},
    {Key::kFollow, "follow", Type::kSwitch, Audience::kTool, "0|1", "1", 0, 1,
     "Count child processes and the programs they execute as well, a record for each."},
    {Key::kStacks, "stacks", Type::kSwitch, Audience::kUser, "0|1", "0", 0, 1,
     "Remember of every block the stack that allocated it, for loam leaks; every call then takes the slow "
     "path."},
    {Key::kSampleBytes, "sample_bytes", Type::kNumber, Audience::kUser, "BYTES", "524288", 0, kNoLimit / 4,
     "Remember the stack of one block in about so many bytes that the heap grows by; 0 for none."},
    {Key::kLeaks, "leaks", Type::kPath, Audience::kTool, "DIRECTORY", nullptr, 0, 0,
     "Search for leaks when a process ends by exit, and leave what was found in DIRECTORY, which the tool "
     "reads."},
    {Key::kCheck, "check", Type::kPath, Audience::kTool, "PATH", nullptr, 0, 0,
     "Watch every block, and write what is found to the finding file PATH, which the tool makes and reads."},
    {Key::kCheckTier, "check_tier", Type::kNumber, Audience::kTool, "0|1|2", "0", 0, 2,
     "What check mode spends on each block: 0 for the default, 1 for thorough, 2 for full."},
    {Key::kGuardFirst, "guard_first", Type::kNumber, Audience::kTool, "N", "4", 0, 1'000'000,
     "So many blocks of each call site are put against a guard page, if the budget allows."},
    {Key::kGuardRate, "guard_rate", Type::kNumber, Audience::kTool, "N", "1000", 0, kNoLimit,
     "After the first of a call site one block in N is put against a guard page, if the budget allows; 0 for "
     "none."},
    {Key::kQuarantine, "quarantine", Type::kNumber, Audience::kTool, "MEBIBYTES", "24", 0, 65'536,
     "How much freed memory is kept from being used again, so that uses after free are seen."},
    {Key::kFlip, "flip", Type::kSwitch, Audience::kTool, "0|1", "0", 0, 1,
     "Guard pages stand in front of blocks instead of behind them."},
    {Key::kKeepGoing, "keep_going", Type::kSwitch, Audience::kTool, "0|1", "0", 0, 1,
     "A double or invalid free is left undone and a bad access let through, and the program goes on."},
    {Key::kRecord, "record", Type::kPath, Audience::kTool, "DIRECTORY", nullptr, 0, 0,
     "Tell every call to the tool, through a file of rings that each process makes in DIRECTORY."},
    {Key::kRecordStacks, "record_stacks", Type::kSwitch, Audience::kTool, "0|1", "1", 0, 1,
     "Record of every allocation the stack that made it."},
    {Key::kFailNth, "fail_nth", Type::kNumber, Audience::kTesting, "N", "0", 0, kNoLimit,
     "Let the N-th memory call to the kernel fail once with ENOMEM; 0 for none."},
    {Key::kFailFrom, "fail_from", Type::kNumber, Audience::kTesting, "N", "0", 0, kNoLimit,
     "Let every memory call to the kernel from the N-th on fail with ENOMEM; 0 for none."},
};

inline constexpr std::size_t kOptionCount = sizeof kOptions / sizeof kOptions[0];
static_assert(kOptionCount == static_cast<std::size_t>(Key::kCount));

constexpr bool table_is_in_key_order() {
  for (std::size_t i = 0; i < kOptionCount; ++i) {
    if (static_cast<std::size_t>(kOptions[i].key) != i) return false;
  }
  return true;
}
static_assert(table_is_in_key_order());

constexpr const Option& option(Key key) { return kOptions[static_cast<std::size_t>(key)]; }

enum class Source : std::uint8_t { kMmap, kSbrk, kFile };

// In the order of loam::detail::policy_names (include/loam/detail/policy_region.hpp).
inline constexpr const char* kPolicyNames[] = {"first-fit", "next-fit",   "best-fit", "worst-fit",
                                               "buddy",     "segregated", "tlsf"};
inline constexpr std::uint8_t kPolicyCount = sizeof kPolicyNames / sizeof kPolicyNames[0];
inline constexpr std::uint8_t kNoPolicy = 255;

// Room for a path or a list of names. Longer text is an error, never cut: a cut path would name another file.
inline constexpr std::size_t kTextBytes = 1024;

// The parsed options. Text is copied: a program may overwrite the memory of its environment (setproctitle
// does).
struct Values {
  Source source = Source::kMmap;
  std::uint8_t policy = kNoPolicy;  // index into kPolicyNames
  std::uint64_t policy_header = 0;
  std::uint64_t policy_big = 0;
  bool verbose = false;
  bool advice = true;
  bool follow = true;
  bool stacks = false;
  std::uint64_t sample_bytes = 524'288;
  std::uint64_t purge_delay_ms = 500;
  bool flip = false;
  bool record_stacks = true;
  bool keep_going = false;
  std::uint64_t check_tier = 0;
  std::uint64_t guard_first = 4;
  std::uint64_t guard_rate = 1000;
  std::uint64_t quarantine = 24;
  std::uint64_t fail_nth = 0;
  std::uint64_t fail_from = 0;
  char source_path[kTextBytes] = {};
  char stats_path[kTextBytes] = {};
  char leaks_path[kTextBytes] = {};
  char check_path[kTextBytes] = {};
  char record_path[kTextBytes] = {};
  char deny[kTextBytes] = {};
};

}  // namespace loam::options

// The finding file of one `loam check`: what processes in check mode have found, in memory that the tool shares, so that
// neither _exit nor exec nor SIGKILL loses any of it.
//
// Layout: a header, then kMaxPrograms, kMaxProcesses, kMaxModules and kMaxFindings records of fixed size; the file is sparse. A writer claims
// the next record by adding one to its count, fills it, and stores its state last; the reader takes those that are ready.
// Invariant: plain integers of fixed size, same machine. Locking: none; claims are atomic, a record has one writer but
// for `repeats`.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>

namespace loam::format {

inline constexpr std::uint64_t kFindingMagic = 0x6b63'6568'636d'616fU;  // "oamcheck" in memory
inline constexpr std::uint64_t kFindingVersion = 3;
inline constexpr std::size_t kMaxFindings = 2048;
inline constexpr std::size_t kMaxModules = 1024;
inline constexpr std::size_t kMaxProcesses = 512;
inline constexpr std::size_t kMaxPrograms = 256;
inline constexpr std::size_t kMaxFrames = 64;
inline constexpr std::size_t kPathBytes = 496;

enum class FindingKind : std::uint32_t {
  kDoubleFree,
  kInvalidFree,
  kMismatchedFree,
  kOverflow,
  kUnderflow,
  kUseAfterFree,
};

enum class FindingEvidence : std::uint32_t { kCall, kFault, kCanary, kPoison, kPoisonRead };
enum class FindingAccess : std::uint32_t { kUnknown, kRead, kWrite, kExecute, kRelease };
enum class FindingFamily : std::uint32_t { kMalloc, kNew, kNewArray };

// Roles of the stacks of a finding, in the order in which they are kept.
enum class StackRole : std::uint32_t { kAccess, kAllocation, kFree };
inline constexpr std::size_t kStackRoles = 3;

inline constexpr std::uint32_t kNoModule = 0xffff'ffffU;

struct FindingFrame {
  std::uint64_t address;
  std::uint64_t offset;   // by the headers of the module's file
  std::uint32_t module;   // kNoModule: the address lies in none
  std::uint32_t guessed;  // found by frame pointers only
};

// Return addresses, innermost first.
struct FindingStack {
  std::uint32_t thread;
  std::uint32_t frames;
  std::uint32_t depth;  // of the stack, of which `frames` are kept
  std::uint32_t exact;  // the innermost is the instruction itself
  FindingFrame frame[kMaxFrames];
};

struct FindingRecord {
  std::atomic<std::uint32_t> ready;
  std::uint32_t pid;
  std::atomic<std::uint64_t> repeats;  // beyond the first
  std::uint64_t key;                   // of the kind and the stacks: what counts as the same finding
  FindingKind kind;
  FindingEvidence evidence;
  FindingAccess access;
  FindingFamily allocated_as;
  FindingFamily freed_as;
  std::uint32_t sized;
  std::uint64_t address;
  std::uint64_t block;
  std::uint64_t size;
  std::int64_t offset;
  std::int64_t extent;
  char place[24];
  FindingStack stacks[kStackRoles];
};

struct FindingModule {
  std::atomic<std::uint32_t> ready;
  std::uint32_t build_id_bytes;
  std::uint8_t build_id[32];
  char path[kPathBytes];
};

// What was watched in a process, so that "no findings" means something.
struct ProcessRecord {
  std::atomic<std::uint32_t> ready;
  std::uint32_t pid;
  std::uint32_t parent_pid;
  std::atomic<std::uint32_t> finished;  // it went through exit()
  std::atomic<std::uint64_t> blocks;
  std::atomic<std::uint64_t> guarded;
  std::atomic<std::uint64_t> quarantined;
  std::atomic<std::uint64_t> unwatched;
  std::atomic<std::uint64_t> lost_findings;
  std::atomic<std::uint64_t> poison_bytes;
  std::atomic<std::uint64_t> window_bytes;
  std::atomic<std::uint64_t> light_guards;
  char executable[kPathBytes];
};

// A program that a watched process has executed. Whether loam can serve it is for the tool to judge.
struct ProgramRecord {
  std::atomic<std::uint32_t> ready;
  std::uint32_t reserved;
  char path[kPathBytes];  // as it was given
};

struct FindingFile {
  std::atomic<std::uint64_t> magic;
  std::uint64_t version;
  std::uint64_t bytes;
  std::atomic<std::uint64_t> processes;  // claimed, perhaps beyond the room there is
  std::atomic<std::uint64_t> modules;
  std::atomic<std::uint64_t> findings;
  std::atomic<std::uint64_t> programs;
  ProgramRecord program[kMaxPrograms];
  ProcessRecord process[kMaxProcesses];
  FindingModule module[kMaxModules];
  FindingRecord finding[kMaxFindings];

  bool fits() const {
    return magic.load(std::memory_order_acquire) == kFindingMagic && version == kFindingVersion &&
           bytes == sizeof(FindingFile);
  }
};

// The next record of a kind, or null when all are taken.
template <class Record, std::size_t kCount>
Record* claim_record(std::atomic<std::uint64_t>& count, Record (&records)[kCount]) {
  const std::uint64_t at = count.fetch_add(1, std::memory_order_relaxed);
  return at < kCount ? &records[at] : nullptr;
}

template <std::size_t kBytes>
void copy_text(char (&to)[kBytes], const char* from) {
  std::size_t i = 0;
  for (; i + 1 < kBytes && from[i] != '\0'; ++i) to[i] = from[i];
  to[i] = '\0';
}

}  // namespace loam::format

// What it cost a real allocator to do a recording's operations, in processes of its own.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace loam::tool {

struct AllocatorRound {
  double cpu_seconds = 0;   // of the operations alone, in all threads
  double wall_seconds = 0;  // with the reading of the file
  std::uint64_t minor_faults = 0;
  std::uint64_t major_faults = 0;
  std::uint64_t peak_bytes = 0;  // resident, without the executor's tables
  std::uint64_t failed = 0;      // allocations refused
};

// Calls of the kernel that move memory, of a run under trace which is not measured.
struct KernelCalls {
  std::uint64_t map = 0, unmap = 0, remap = 0, advise = 0, protect = 0, move_break = 0;
  std::uint64_t sum() const { return map + unmap + remap + advise + protect + move_break; }
};

struct AllocatorReplay {
  std::string name;
  std::string library;
  std::vector<AllocatorRound> rounds;
  std::optional<KernelCalls> calls;
  std::string calls_reason;  // why they are not known
  std::uint64_t broken = 0;  // blocks that did not hold what was written to them

  double cpu_seconds() const;  // medians
  double wall_seconds() const;
  std::uint64_t faults() const;
  std::uint64_t peak_bytes() const;
};

// Of those within a tenth of the least peak, the fastest.
std::size_t recommended(const std::vector<AllocatorReplay>& replays);

}  // namespace loam::tool

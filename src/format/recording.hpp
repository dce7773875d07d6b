// The file of `loam record`: what one process did to its heap, for replay, report and export.
//
//   RecordingHead, then blocks: a BlockHead and `packed` bytes: frames of zstd, which together become `plain` bytes.
//
// kFacts and kEnd hold JSON texts (who, when; how it ended). kDescriptions holds records as in stacks.hpp. kSamples holds
// RecordingSample rows. kEvents holds the lengths of 14 columns, and the columns:
//   kinds         a byte an event: bit 0 free, 1 part of a realloc(), 2 an alignment follows, 3 another thread follows, 4 time has passed
//   times         where it has: microseconds since the event before; of the first event since the start
//   sizes         of allocations: bytes asked for, the low byte
//   sizes high    the high byte
//   large sizes   where both are 255: the size
//   places        of allocations: a byte that tells how the address follows from what is known (place_history.hpp)
//   jumps         where it does not: the difference to where the class of that size was last
//   stacks        of allocations: the stack's number in order of its first appearance in the block, from 1; 0 none: the low byte
//   stacks high   the high byte
//   ids           of the stacks that appear for the first time: difference to the one before
//   ages          of frees: how many allocations ago the block was allocated, plus 1; 0: not in this block of the file: the low byte
//   ages high     the high byte
//   olds          of those with 0: the address, as difference to the one before
//   others        threads, alignments (as a power of two)
// All numbers but those of bytes are LEB128.
//
// Invariant: each block is read without any other. Its head has a check sum of its own (CRC-32), and says how many events are before it: what
// follows a damaged block is found, and what is missing is known.
// Locking: none, it is a file. Same byte order as the machine that wrote it.
#pragma once

#include <cstdint>

namespace loam::format {

inline constexpr std::uint64_t kRecordingMagic = 0x31'63'65'72'6d'61'6f'6cU;  // "loamrec1" in the file
inline constexpr std::uint32_t kRecordingVersion = 4;
inline constexpr std::uint32_t kBlockMark = 0x4b'43'4c'42U;  // "BLCK"
inline constexpr std::uint32_t kMostPlainBytes = std::uint32_t{1} << 26;

enum class BlockKind : std::uint32_t { kFacts = 1, kEvents = 2, kDescriptions = 3, kSamples = 4, kEnd = 5 };

struct RecordingHead {
  std::uint64_t magic;
  std::uint32_t version;
  std::uint32_t reserved;
};

struct BlockHead {
  std::uint32_t mark;
  BlockKind kind;
  std::uint32_t packed;    // bytes that follow
  std::uint32_t plain;     // bytes that they become
  std::uint32_t count;     // of events or samples in it
  std::uint32_t check;     // of the bytes that follow
  std::uint64_t before;    // events in the file before it
  std::uint64_t first_us;  // times of its first and its last event
  std::uint64_t last_us;
  std::uint32_t reserved;
  std::uint32_t head_check;  // of all that is above
};

struct RecordingSample {
  std::uint64_t time_us;
  std::uint64_t resident;      // bytes
  std::uint64_t mapped;        // bytes, by the heap
  std::uint64_t kernel_calls;  // memory calls so far
};

static_assert(sizeof(RecordingHead) == 16 && sizeof(BlockHead) == 56 && sizeof(RecordingSample) == 32);

}  // namespace loam::format

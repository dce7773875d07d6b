// The file of `loam record`: what one process did to its heap, for replay, report and export.
//
//   RecordingHead, then blocks: a BlockHead and `packed` bytes, compressed by zstd on their own.
//
// kFacts and kEnd hold JSON texts (who, when; how it ended). kDescriptions holds records as in stacks.hpp. kSamples holds
// RecordingSample rows. kEvents holds columns, each a length (LEB128) and so many bytes:
//   kinds      a byte an event: bit 0 free, bit 1 part of a realloc(), bit 2 an alignment follows, bit 3 another thread follows
//   times      microseconds since the event before
//   sizes      of allocations: bytes asked for
//   places     of allocations: how the address follows from what is known (recording_codec.hpp)
//   stacks     of allocations: the stack's number in order of its first appearance, plus 1; 0 none
//   frees      of frees: how many allocations ago the block was allocated, plus 1; 0: an address follows in `others`
//   others     alignments (as a power of two), threads, addresses
// All numbers in columns are LEB128. What a column takes for known goes on from block to block: a block is read after those before it.
//
// Invariant: a block that is whole in the file can be read if those before it can; its check sum (CRC-32 of the head with a
// `check` of 0 and of the packed bytes) tells: a kind that is damaged would otherwise be one to skip.
// Locking: none, it is a file. Same byte order as the machine that wrote it.
#pragma once

#include <cstdint>

namespace loam::format {

inline constexpr std::uint64_t kRecordingMagic = 0x31'63'65'72'6d'61'6f'6cU;  // "loamrec1" in the file
inline constexpr std::uint32_t kRecordingVersion = 2;
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
  std::uint32_t packed;  // bytes that follow
  std::uint32_t plain;   // bytes that they become
  std::uint32_t count;   // of events or samples in it
  std::uint32_t check;
};

struct RecordingSample {
  std::uint64_t time_us;
  std::uint64_t resident;      // bytes
  std::uint64_t mapped;        // bytes, by the heap
  std::uint64_t kernel_calls;  // memory calls so far
};

static_assert(sizeof(RecordingHead) == 16 && sizeof(BlockHead) == 24 && sizeof(RecordingSample) == 32);

}  // namespace loam::format

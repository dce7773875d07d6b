// What `loam replay --allocator` gives to the program that does a recording's operations on a real malloc (src/executor/): a file of
// its own, prepared once, and read in pieces by each run.
//
//   OperationHead, then chunks of OperationWord, each of one thread, then the table: an OperationChunk for each, in their order.
//
// A word has a block's number and a code with a value of 28 bits. kHigh, kAlign, kWait and kTime stand in front of the operation that
// they belong to, in the same thread. Invariant: an operation on a block that another thread has dealt with last has a kWait
// in front, so that the threads keep the recorded order for each block. Locking: none, nobody writes once it is made.
#pragma once

#include <cstdint>

namespace loam::format {

inline constexpr std::uint64_t kOperationsMagic = 0x31'73'70'6f'6d'61'6f'6cU;  // "loamops1" in the file
inline constexpr std::uint32_t kWordsInChunk = 1u << 16;
inline constexpr unsigned kWordValueBits = 28;
inline constexpr std::uint32_t kWordValueMask = (1u << kWordValueBits) - 1;
// A call of madvise with this advice, which no kernel knows, says where operations begin and end to whoever counts the calls.
inline constexpr int kOperationsMark = 0x6c6f616d;

enum class OperationCode : std::uint32_t {
  kAllocate = 0,  // value: size
  kRelease = 1,
  kResize = 2,  // value: size
  kHigh = 3,    // value: bits of the next size from 28 on
  kAlign = 4,   // value: the next alignment as a power of two
  kWait = 5,    // value: how many operations the block must have seen, in 28 bits
  kTime = 6,    // microseconds since the start: value * 2^32 + block
};

struct OperationWord {
  std::uint32_t block;
  std::uint32_t code;  // and the value above it, from bit 4 on
};

struct OperationHead {
  std::uint64_t magic;
  std::uint64_t blocks;  // numbers are below
  std::uint64_t operations;
  std::uint64_t table;  // offset
  std::uint32_t chunks;
  std::uint32_t threads;
};

struct OperationChunk {
  std::uint64_t offset;
  std::uint32_t thread;  // from 0
  std::uint32_t words;
};

static_assert(sizeof(OperationWord) == 8 && sizeof(OperationHead) == 40 && sizeof(OperationChunk) == 16);

}  // namespace loam::format

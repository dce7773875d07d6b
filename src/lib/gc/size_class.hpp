// Sizes that small objects of the collected heap are rounded up to, and kinds of objects. Tables made by the compiler; no state.
//
// No byte is added for pointers behind an object's end, as other collectors do: 16 bytes are served as 16.
#pragma once

#include <cstddef>
#include <cstdint>

namespace loam::collector {

constexpr uint64_t kUnit = 16;
constexpr uint64_t kBlockShift = 16;
constexpr uint64_t kBlockBytes = uint64_t{1} << kBlockShift;

// What an object is to the collector. The order is that of the bits: 1 no pointers inside, 2 never collected.
enum class Kind : uint8_t {
  kNormal,
  kAtomic,
  kKept,
  kKeptAtomic,
  kTyped,  // its first word leads to a Type, which finds the pointers
};
constexpr unsigned kPlainKinds = 5;
// The first four kinds once more, with what is known for debugging in their last bytes.
constexpr unsigned kDebugBase = 5;
constexpr unsigned kKinds = 9;

constexpr Kind debug_kind(Kind kind) { return static_cast<Kind>(static_cast<unsigned>(kind) + kDebugBase); }
constexpr bool is_debug(Kind kind) { return static_cast<unsigned>(kind) >= kDebugBase; }
constexpr Kind plain_kind(Kind kind) {
  return is_debug(kind) ? static_cast<Kind>(static_cast<unsigned>(kind) - kDebugBase) : kind;
}
constexpr bool is_atomic(Kind kind) {
  const Kind plain = plain_kind(kind);
  return plain == Kind::kAtomic || plain == Kind::kKeptAtomic;
}
constexpr bool is_kept(Kind kind) {
  const Kind plain = plain_kind(kind);
  return plain == Kind::kKept || plain == Kind::kKeptAtomic;
}

constexpr uint64_t kSmallMost = kBlockBytes / 2;
constexpr unsigned kClasses = 16 + 8 + 17;

struct ClassTable {
  uint32_t bytes[kClasses] = {};
  uint8_t fine[1024 / kUnit + 1] = {};        // by size in units of 16, up to 1 KiB
  uint8_t coarse[kSmallMost / 256 + 1] = {};  // by size in units of 256
};

constexpr ClassTable make_class_table() {
  ClassTable table;
  constexpr uint32_t kAbove[] = {320,  384,  448,   512,   640,   768,   896,  1024, 1280,
                                 1536, 1792, 2048,  2560,  3072,  3584,  4096, 5120, 6144,
                                 7168, 8192, 10752, 13056, 16384, 21760, 32768};
  for (uint32_t i = 0; i < 16; ++i) table.bytes[i] = 16 * (i + 1);
  for (uint32_t i = 0; i < 25; ++i) table.bytes[16 + i] = kAbove[i];
  for (uint32_t i = 0, at = 0; i <= 1024 / kUnit; ++i) {
    while (table.bytes[at] < i * kUnit) ++at;
    table.fine[i] = static_cast<uint8_t>(at);
  }
  for (uint32_t i = 0, at = 0; i <= kSmallMost / 256; ++i) {
    while (table.bytes[at] < i * 256) ++at;
    table.coarse[i] = static_cast<uint8_t>(at);
  }
  return table;
}

inline constexpr ClassTable kClassTable = make_class_table();

// Requires: bytes is at most kSmallMost.
inline unsigned class_of(size_t bytes) {
  return bytes <= 1024 ? kClassTable.fine[(bytes + kUnit - 1) / kUnit]
                       : kClassTable.coarse[(bytes + 255) / 256];
}
inline uint32_t class_bytes(unsigned size_class) { return kClassTable.bytes[size_class]; }

}  // namespace loam::collector

// What /proc says of this process, read with bare system calls into a small buffer: no stdio, no allocation.
// Async-signal-safe; no locking.
#pragma once

#include <cstddef>
#include <cstdint>

namespace loam::sys {

enum class MappingKind : uint8_t {
  kNone,       // nothing is mapped there
  kStack,      // the main thread's, or the one the caller runs on
  kBreak,      // [heap]
  kObject,     // the program or a library, its zeroed data included
  kAnonymous,  // private, writable, nameless
  kOther,
};

struct MappingInfo {
  uint64_t start;
  uint64_t end;
  MappingKind kind;
};

// What is mapped at the address. A few hundred microseconds.
MappingInfo find_mapping(const void* address);

uint64_t count_mappings();

// The file mapped at the address, and the offset in it. Returns false if there is none. A few hundred microseconds.
bool find_file(const void* address, uint64_t* offset, char* path, size_t size);

// Reads up to size - 1 bytes of a file and ends them with a zero. Returns how many, 0 on failure.
size_t read_file(const char* path, char* buffer, size_t size);

}  // namespace loam::sys

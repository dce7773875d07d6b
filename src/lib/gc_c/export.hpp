// How a function of bdwgc's interface is exported, and what its files share.
#pragma once

#include <cstddef>
#include <cstdint>

#include "lib/gc/allocate.hpp"

#define LOAM_EXPORT extern "C" __attribute__((visibility("default")))

namespace loam::gc_c {

constexpr int kSuccess = 0;
constexpr int kDuplicate = 1;
constexpr int kNoMemory = 2;
constexpr int kNotFound = 4;

// Starts the collector with what this interface adds to it. Every function that may be a program's first calls it; null of
// allocate() leads here too.
bool ready();

// For a program that asked for memory which is not there: what its handler returns.
void* out_of_memory(size_t bytes);

// A message with a number, to whoever the program has appointed.
void warn(const char* format, uint64_t argument);

inline void* serve(collector::Kind kind, size_t bytes) {
  void* object = collector::allocate(kind, bytes);
  return object != nullptr ? object : out_of_memory(bytes);
}

// An object with a record of where it was allocated behind it. `file` may be null.
void* allocate_debug(collector::Kind kind, size_t bytes, const char* file, int line);
// Tells what has been overwritten around the object, if anything.
void check_debug(uint64_t object);
// How much of a live object is the program's.
size_t usable_bytes(uint64_t object);
// Where a debug object was allocated; false if that is not known.
bool origin_of(uint64_t object, const char** file, int* line);

}  // namespace loam::gc_c

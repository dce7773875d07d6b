// The mappings of this process, as /proc/self/maps lists them.
// Async-signal-safe, no allocation, no locking; other threads may change what is being read.
#pragma once

#include <cstdint>

#include "sys/lines.hpp"

namespace loam::sys {

// One line. `name` is the caller's buffer and may be cut.
struct MappingLine {
  uint64_t start;
  uint64_t end;
  uint64_t offset;
  bool readable;
  bool writable;
  bool executable;
  bool shared;
  const char* name;
};

// "start-end rwxp offset device inode   name"
MappingLine parse_mapping(const char* text);

class Mappings {
 public:
  bool opened() const { return lines_.opened(); }
  // In address order; the line's name lasts until the next call.
  bool next(MappingLine* line);

 private:
  Lines lines_{"/proc/self/maps"};
  char text_[256] = {};
};

}  // namespace loam::sys

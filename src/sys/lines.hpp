// A file of /proc, line by line, read with bare system calls into a small buffer: no stdio, no allocation.
// Invariant: what of a line exceeds the caller's buffer (a long path) is dropped. No locking: one reader each.
#pragma once

#include <fcntl.h>

#include <cstddef>

#include "sys/syscall.hpp"

namespace loam::sys {

class Lines {
 public:
  explicit Lines(const char* path) {
    descriptor_ = raw_call(SYS_openat, AT_FDCWD, reinterpret_cast<long>(path), O_RDONLY | O_CLOEXEC);
  }
  ~Lines() {
    if (descriptor_ >= 0) raw_call(SYS_close, descriptor_);
  }
  Lines(const Lines&) = delete;
  Lines& operator=(const Lines&) = delete;

  bool opened() const { return descriptor_ >= 0; }

  bool next(char* line, size_t size) {
    size_t length = 0;
    for (;;) {
      if (at_ == filled_ && !fill()) break;
      const char c = buffer_[at_++];
      if (c == '\n') {
        line[length] = '\0';
        return true;
      }
      if (length + 1 < size) line[length++] = c;
    }
    line[length] = '\0';
    return length > 0;
  }

 private:
  bool fill() {
    if (descriptor_ < 0) return false;
    const long count = raw_call(SYS_read, descriptor_, reinterpret_cast<long>(buffer_), sizeof buffer_);
    if (count <= 0) return false;
    at_ = 0;
    filled_ = static_cast<size_t>(count);
    return true;
  }

  long descriptor_ = -1;
  size_t at_ = 0;
  size_t filled_ = 0;
  char buffer_[2048] = {};
};

inline bool starts_with(const char* text, const char* prefix) {
  while (*prefix != '\0') {
    if (*text++ != *prefix++) return false;
  }
  return true;
}

// The hexadecimal number at the front of `text`, which moves behind it.
inline uint64_t read_hex(const char*& text) {
  uint64_t value = 0;
  for (;; ++text) {
    if (*text >= '0' && *text <= '9')
      value = value * 16 + static_cast<uint64_t>(*text - '0');
    else if (*text >= 'a' && *text <= 'f')
      value = value * 16 + static_cast<uint64_t>(*text - 'a' + 10);
    else
      return value;
  }
}

}  // namespace loam::sys

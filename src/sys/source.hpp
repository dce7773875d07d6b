// Where the heap's regions come from: mmap, the program break, or an unlinked file mapped privately. A source extends
// one window of addresses upwards and nothing else; it knows nothing of regions in use.
// Locking: none; the caller (the heap's region store) holds its growth lock.
#pragma once

#include <cstddef>
#include <cstdint>

namespace loam::sys {

enum class SourceKind : uint8_t { kMap, kBreak, kFile };

class Source {
 public:
  // Requires: called once, before anything else. `path` (kFile) names a folder and the start of a file name.
  // Returns false when the file cannot be made.
  bool open(SourceKind kind, const char* path);

  // The address where the window should start: aligned to `alignment`, with room behind.
  char* window_start(size_t alignment);

  // Makes `bytes` accessible and zero, at `end` or, where something else lies, at a higher address that is `end` plus
  // a multiple of `step`. Returns its start, or null when the kernel refuses or nothing is free below `limit`.
  char* extend(char* end, size_t bytes, size_t step, char* limit);

  // Gives [from, end) back where the source can (the break only). Returns whether the window shrank.
  bool shrink(char* end, char* from);

  SourceKind kind() const { return kind_; }
  char* initial_break() const { return initial_break_; }
  char* highest_break() const { return highest_break_; }

 private:
  char* extend_break(char* end, size_t bytes, size_t step, char* limit);

  SourceKind kind_ = SourceKind::kMap;
  int descriptor_ = -1;
  uint64_t file_bytes_ = 0;
  char* initial_break_ = nullptr;
  char* highest_break_ = nullptr;
};

}  // namespace loam::sys

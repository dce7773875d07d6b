// The counter file of one run: made before the program starts, read after it, removed by the destructor.
//
// It needs a name as long as the run lasts, because programs that are executed later open it anew. A tool that was
// killed leaves its file behind; the next one removes it (only files of this user whose tool is gone).
#pragma once

#include <cstdint>
#include <string>

#include "format/counters.hpp"

namespace loam::tool {

class CounterFile {
 public:
  // Makes the file in /dev/shm, else in $TMPDIR or /tmp. Throws Failure when none can be written.
  explicit CounterFile(bool follow);
  ~CounterFile();
  CounterFile(const CounterFile&) = delete;
  CounterFile& operator=(const CounterFile&) = delete;

  const std::string& path() const { return path_; }
  format::CounterHeader& header() const { return *static_cast<format::CounterHeader*>(base_); }
  const format::CounterSlot& slot(std::uint64_t index) const;
  std::uint64_t slots() const;    // claimed, and within the capacity
  std::uint64_t dropped() const;  // processes that found no slot left

 private:
  bool create_in(const std::string& folder);

  std::string path_;
  void* base_ = nullptr;
};

}  // namespace loam::tool

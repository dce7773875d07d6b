// The counter file of one run: made before the program starts, read after it.
// Owns the file (shared_file.hpp). Locking: none, its fields are atomics.
#pragma once

#include <cstdint>
#include <string>

#include "format/counters.hpp"
#include "tool/model/shared_file.hpp"

namespace loam::tool {

class CounterFile {
 public:
  // Throws Failure when none can be made.
  explicit CounterFile(bool follow);

  const std::string& path() const { return file_.path(); }
  format::CounterHeader& header() const { return *static_cast<format::CounterHeader*>(file_.base()); }
  const format::CounterSlot& slot(std::uint64_t index) const;
  std::uint64_t slots() const;    // claimed, and within the capacity
  std::uint64_t dropped() const;  // processes that found no slot left

 private:
  SharedFile file_;
};

}  // namespace loam::tool

// Reading a stack whose shape is only believed: each page is asked for before its first word is read.
// Invariant: read() never faults while the pages that it has asked for stay mapped, which those of the calling thread's own
// stack do. A value, no locking, async-signal-safe.
#pragma once

#include <cstdint>
#include <cstring>

#include "sys/probe.hpp"

namespace loam::stack {

class Memory {
 public:
  bool read(uint64_t address, uint64_t& out) {
    if (!known(address) || !known(address + 7)) return false;
    std::memcpy(&out, reinterpret_cast<const void*>(address), sizeof out);
    return true;
  }

  // Whether the byte there may be read.
  bool known(uint64_t address) {
    const uint64_t page = address >> kPageShift;
    if (page == last_) return true;
    if (page != other_ && !sys::readable(page << kPageShift)) return false;
    other_ = last_;
    last_ = page;
    return true;
  }

 private:
  static constexpr unsigned kPageShift = 12;

  uint64_t last_ = ~uint64_t{0};
  uint64_t other_ = ~uint64_t{0};
};

}  // namespace loam::stack

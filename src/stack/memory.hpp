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
  constexpr Memory() = default;

  bool read(uint64_t address, uint64_t& out) {
    if (!known(address) || !known(address + 7)) return false;
    std::memcpy(&out, reinterpret_cast<const void*>(address), sizeof out);
    return true;
  }

  // Whether the byte there may be read.
  bool known(uint64_t address) {
    if (address - low_ < size_) return true;
    if (address >> kAddressBits != 0) return false;
    const uint64_t page = address & ~(kPage - 1);
    if (page == other_) return true;
    if (!sys::readable(page)) return false;
    // Frames follow one another upwards, so what is known grows at its upper end.
    if (page == low_ + size_ && size_ != 0) {
      size_ += kPage;
    } else if (size_ == 0) {
      low_ = page;
      size_ = kPage;
    } else {
      other_ = page;
    }
    return true;
  }

  // Whether the word there is in the known part of the stack; asks nobody.
  bool covers(uint64_t address) const { return address - low_ < size_ && size_ - (address - low_) >= 8; }

  // To be called when a memory is used again: what is known holds as long as the thread stays on the stack that it is about.
  void settle(uint64_t sp) {
    if (sp - low_ >= size_) *this = Memory();
  }

 private:
  static constexpr uint64_t kPage = 4096;
  static constexpr unsigned kAddressBits = 47;

  uint64_t low_ = 0;
  uint64_t size_ = 0;
  uint64_t other_ = ~uint64_t{0};  // one page elsewhere
};

}  // namespace loam::stack

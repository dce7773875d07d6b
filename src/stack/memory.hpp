// Reading a stack whose shape is only believed: each page is asked for before its first word is read.
// Invariant: read() never faults while the pages that it has asked for stay mapped, which those of the calling thread's own
// stack do. A value, no locking, async-signal-safe.
#pragma once

#include <cstdint>

#include "sys/probe.hpp"

namespace loam::stack {

class Memory {
 public:
  constexpr Memory() = default;

  bool read(uint64_t address, uint64_t& out) { return read(address, 8, out); }

  // `size` bytes, at most eight, as a number. What is read may be anybody's, a sanitizer's own memory too, which must not watch.
  [[gnu::no_sanitize_address]] bool read(uint64_t address, unsigned size, uint64_t& out) {
    if (size == 0 || size > 8 || !known(address) || !known(address + size - 1)) return false;
    if (size == 8) {
      out = reinterpret_cast<const Word*>(address)->word;
      return true;
    }
    out = 0;
    for (unsigned i = 0; i < size; ++i)
      out |= uint64_t{*reinterpret_cast<const volatile uint8_t*>(address + i)} << (8 * i);
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

  // Whether the eight bytes there lie in what has been asked for in a row.
  bool holds(uint64_t address) const { return address - low_ < size_ && address + 7 - low_ < size_; }

  // To be called when a memory is used again: what is known holds as long as the thread stays on the stack that it is about.
  void settle(uint64_t sp) {
    if (sp - low_ >= size_) *this = Memory();
  }

 private:
  struct [[gnu::packed, gnu::may_alias]] Word {
    uint64_t word;
  };
  static constexpr uint64_t kPage = 4096;
  static constexpr unsigned kAddressBits = 47;

  uint64_t low_ = 0;
  uint64_t size_ = 0;
  uint64_t other_ = ~uint64_t{0};  // one page elsewhere
};

}  // namespace loam::stack

// Text into a fixed buffer: what the runtime prints when it can neither allocate nor call stdio.
// Owns nothing but the buffer inside; silently cuts what does not fit. Not for sharing between threads.
#pragma once

#include <cstddef>
#include <cstdint>

namespace loam::base {

class Text {
 public:
  Text& add(const char* text) {
    while (*text != '\0') put(*text++);
    return *this;
  }

  Text& add(uint64_t number) {
    char digits[20];
    size_t count = 0;
    do {
      digits[count++] = static_cast<char>('0' + number % 10);
      number /= 10;
    } while (number != 0);
    while (count > 0) put(digits[--count]);
    return *this;
  }

  Text& add_hex(uint64_t number) {
    add("0x");
    bool started = false;
    for (int shift = 60; shift >= 0; shift -= 4) {
      const auto digit = static_cast<unsigned>((number >> shift) & 15);
      started = started || digit != 0 || shift == 0;
      if (started) put("0123456789abcdef"[digit]);
    }
    return *this;
  }

  const char* data() const { return buffer_; }
  size_t size() const { return size_; }

 private:
  void put(char c) {
    if (size_ + 1 < sizeof buffer_) buffer_[size_++] = c;
    buffer_[size_] = '\0';
  }

  size_t size_ = 0;
  char buffer_[512] = {};
};

}  // namespace loam::base

// How the copy of a process answers whoever asked: the head of an answer, and what follows it.
// Locking: none, they are the copy's alone.
#pragma once

#include <cstddef>
#include <cstdint>

#include "format/control.hpp"
#include "runtime/leaks.hpp"
#include "scan/scratch.hpp"

namespace loam::runtime {

// The head of an answer, of which `bytes` follow. Returns false if the asker has gone.
bool reply(const LeakSearch& search, format::Answer answer, uint64_t pause_ns, uint64_t bytes);

// What goes through the socket, gathered into pieces that are worth a system call.
class LeakWriter {
 public:
  LeakWriter(const LeakSearch& search, scan::Scratch& scratch)
      : search_(search), buffer_(scratch.take<char>(kBytes)) {}

  template <class T>
  void write(const T& value) {
    if (!good_ || buffer_ == nullptr) return;
    if (filled_ + sizeof value > kBytes) flush();
    __builtin_memcpy(buffer_ + filled_, &value, sizeof value);
    filled_ += sizeof value;
  }

  void write_bytes(const void* data, size_t bytes) {
    const auto* from = static_cast<const char*>(data);
    while (bytes > 0 && good_ && buffer_ != nullptr) {
      if (filled_ == kBytes) flush();
      const size_t piece = bytes < kBytes - filled_ ? bytes : kBytes - filled_;
      __builtin_memcpy(buffer_ + filled_, from, piece);
      filled_ += piece;
      from += piece;
      bytes -= piece;
    }
  }

  bool flush() {
    if (filled_ > 0) good_ = good_ && search_.send(search_.to, buffer_, filled_);
    filled_ = 0;
    return good_ && buffer_ != nullptr;
  }

 private:
  static constexpr size_t kBytes = size_t{256} << 10;

  const LeakSearch& search_;
  char* buffer_;
  size_t filled_ = 0;
  bool good_ = true;
};

}  // namespace loam::runtime

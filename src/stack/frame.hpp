// A frame of a stack as it is kept: the return address (of the innermost frame the pc), the module that it lay in at that time, and
// whether it was only guessed. One word. And how a stack ends.
#pragma once

#include <cstdint>

namespace loam::stack {

class Frame {
 public:
  constexpr Frame() = default;
  constexpr Frame(uint64_t pc, uint16_t module, bool guessed = false)
      : word_((pc & kPcMask) | (guessed ? kGuessed : 0) | uint64_t{module} << 48) {}
  static constexpr Frame from(uint64_t word) {
    Frame frame;
    frame.word_ = word;
    return frame;
  }

  constexpr uint64_t pc() const { return word_ & kPcMask; }
  constexpr uint16_t module() const { return static_cast<uint16_t>(word_ >> 48); }
  // Found by the chain of frame pointers, through code of which nothing is known.
  constexpr bool guessed() const { return (word_ & kGuessed) != 0; }
  constexpr uint64_t word() const { return word_; }

 private:
  static constexpr uint64_t kGuessed = uint64_t{1} << 47;  // user addresses end below
  static constexpr uint64_t kPcMask = kGuessed - 1;

  uint64_t word_ = 0;
};

enum class Ending : uint8_t {
  kComplete,  // the outermost frame is the program's or the thread's first
  kLost,  // something without unwind information, or memory that cannot be read, lies outside of the last frame
  kCut,  // there are more frames than were asked for
};

}  // namespace loam::stack

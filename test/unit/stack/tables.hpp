// Unwind tables written by hand, byte for byte: what a linker would write for functions of which the test says the rules.
#pragma once

#include <cstdint>
#include <cstring>
#include <initializer_list>
#include <vector>

#include "stack/eh_frame.hpp"

namespace loam::stack {

using ByteList = std::vector<uint8_t>;

inline void append_word(ByteList& out, uint32_t word) {
  const auto* bytes = reinterpret_cast<const uint8_t*>(&word);
  out.insert(out.end(), bytes, bytes + 4);
}

// One record: its length, its id, its content padded with no-operations to a multiple of four.
inline void append_record(ByteList& out, uint32_t id, ByteList content) {
  while (content.size() % 4 != 0) content.push_back(0);
  append_word(out, static_cast<uint32_t>(content.size() + 4));
  append_word(out, id);
  out.insert(out.end(), content.begin(), content.end());
}

struct Function {
  uint64_t start;
  uint32_t size;
  ByteList instructions;
};

// A CIE like every compiler's (factors 1 and -8, CFA = rsp + 8, return address below it), the functions' FDEs, a terminator, and
// the header with its sorted table. Absolute addresses of eight bytes, so that any functions will do.
class Tables {
 public:
  explicit Tables(const std::vector<Function>& functions, ByteList letters = {'z', 'R', 0},
                  bool sorted = true) {
    ByteList common = {1};
    common.insert(common.end(), letters.begin(), letters.end());
    const ByteList rest = {1, 0x78, 16, 1, 0x00, 0x0c, 7, 8, 0x90, 1};
    common.insert(common.end(), rest.begin(), rest.end());
    bytes_.resize(kHeaderRoom);
    append_record(bytes_, 0, common);
    std::vector<uint32_t> places;
    for (const Function& function : functions) {
      places.push_back(static_cast<uint32_t>(bytes_.size()));
      ByteList content(17);
      const uint64_t size = function.size;
      std::memcpy(content.data(), &function.start, 8);
      std::memcpy(content.data() + 8, &size, 8);
      content.insert(content.end(), function.instructions.begin(), function.instructions.end());
      append_record(bytes_, static_cast<uint32_t>(bytes_.size() + 4 - kHeaderRoom), content);
    }
    append_word(bytes_, 0);
    place_ = room();
    write_header(functions, places, sorted);
    std::memcpy(place_, bytes_.data(), bytes_.size());
  }

  FrameTable table() const { return {place_, place_, place_ + bytes_.size()}; }
  uint8_t& byte(size_t at) { return place_[at]; }
  size_t size() const { return bytes_.size(); }

  // Functions lie where the table can name them, within 2 GiB of it: both are static. What was read from a table that is gone may still
  // be looked at until a few more were made.
  static uint64_t base() {
    static const char anchor[1 << 16] = {};
    return reinterpret_cast<uint64_t>(anchor);
  }

 private:
  static constexpr uint32_t kHeaderRoom = 512;

  void write_header(const std::vector<Function>& functions, const std::vector<uint32_t>& places,
                    bool sorted) {
    const auto base = reinterpret_cast<uint64_t>(place_);
    ByteList header = {1, 0x3b, 0x03, static_cast<uint8_t>(sorted ? 0x3b : 0xff)};
    append_word(header, kHeaderRoom);
    append_word(header, static_cast<uint32_t>(functions.size()));
    for (size_t i = 0; i < functions.size(); ++i) {
      append_word(header, static_cast<uint32_t>(functions[i].start - base));
      append_word(header, places[i]);
    }
    std::memcpy(bytes_.data(), header.data(), header.size());
  }

  static uint8_t* room() {
    static uint8_t rooms[8][4096];
    static unsigned next = 0;
    return rooms[next++ % 8];
  }

  ByteList bytes_;
  uint8_t* place_ = nullptr;
};

}  // namespace loam::stack

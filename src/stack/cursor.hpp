// Reading the byte streams of .eh_frame: fixed and variable-length integers, and pointers in the encodings of the LSB.
// Invariant: never reads outside [at, end); the first attempt to makes the cursor bad for good, and it answers zeros from then
// on, so callers test once at the end. No locking.
#pragma once

#include <cstdint>
#include <cstring>

namespace loam::stack {

class Cursor {
 public:
  Cursor(const uint8_t* at, const uint8_t* end) : at_(at), end_(end), good_(at <= end) {}

  bool good() const { return good_; }
  bool at_end() const { return !good_ || at_ >= end_; }
  const uint8_t* at() const { return at_; }
  const uint8_t* end() const { return end_; }
  uint64_t left() const { return good_ ? static_cast<uint64_t>(end_ - at_) : 0; }

  template <class T>
  T read() {
    T value{};
    if (left() < sizeof(T)) {
      good_ = false;
      return value;
    }
    std::memcpy(&value, at_, sizeof(T));
    at_ += sizeof(T);
    return value;
  }

  void skip(uint64_t bytes) {
    if (left() < bytes)
      good_ = false;
    else
      at_ += bytes;
  }

  // Forwards or backwards, within [start, end).
  void jump(int64_t bytes, const uint8_t* start) {
    if (!good_ || bytes < start - at_ || bytes > end_ - at_)
      good_ = false;
    else
      at_ += bytes;
  }

  uint64_t uleb() {
    uint64_t value = 0;
    for (unsigned shift = 0; good_; shift += 7) {
      const uint8_t byte = read<uint8_t>();
      if (shift < 64) value |= static_cast<uint64_t>(byte & 0x7f) << shift;
      if ((byte & 0x80) == 0) break;
    }
    return value;
  }

  int64_t sleb() {
    uint64_t value = 0;
    unsigned shift = 0;
    uint8_t byte = 0x80;
    while (good_ && (byte & 0x80) != 0) {
      byte = read<uint8_t>();
      if (shift < 64) value |= static_cast<uint64_t>(byte & 0x7f) << shift;
      shift += 7;
    }
    if ((byte & 0x40) != 0 && shift < 64) value |= ~uint64_t{0} << shift;
    return static_cast<int64_t>(value);
  }

  // A text with its final zero byte; null if there is none.
  const char* text() {
    const uint8_t* start = at_;
    while (read<uint8_t>() != 0) {
    }
    return good_ ? reinterpret_cast<const char*>(start) : nullptr;
  }

  // A pointer as `encoding` says (DW_EH_PE_*). `data` is the base of data-relative ones. Encodings that no linker writes into
  // these tables (text-relative, function-relative, aligned, indirect) make the cursor bad.
  uint64_t pointer(uint8_t encoding, uint64_t data);

  static constexpr uint8_t kOmitted = 0xff;

 private:
  const uint8_t* at_;
  const uint8_t* end_;
  bool good_;
};

inline uint64_t Cursor::pointer(uint8_t encoding, uint64_t data) {
  const auto place = reinterpret_cast<uint64_t>(at_);
  uint64_t value = 0;
  const auto widened = [](auto narrow) { return static_cast<uint64_t>(static_cast<int64_t>(narrow)); };
  switch (encoding & 0x0f) {
    case 0x0:
    case 0x4:
    case 0xc:
      value = read<uint64_t>();
      break;
    case 0x1:
      value = uleb();
      break;
    case 0x2:
      value = read<uint16_t>();
      break;
    case 0x3:
      value = read<uint32_t>();
      break;
    case 0x9:
      value = static_cast<uint64_t>(sleb());
      break;
    case 0xa:
      value = widened(read<int16_t>());
      break;
    case 0xb:
      value = widened(read<int32_t>());
      break;
    default:
      good_ = false;
  }
  switch (encoding & 0xf0) {
    case 0x00:
      return value;
    case 0x10:
      return value + place;
    case 0x30:
      return value + data;
    default:
      good_ = false;
      return 0;
  }
}

}  // namespace loam::stack

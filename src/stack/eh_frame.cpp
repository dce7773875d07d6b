#include "stack/eh_frame.hpp"

#include <cstring>

#include "stack/cursor.hpp"

namespace loam::stack {

namespace {

// Data-relative, four bytes, signed: the only table that linkers write, and the only one that can be searched by halves.
constexpr uint8_t kSortedTable = 0x3b;

uint64_t address_of(const uint8_t* at) { return reinterpret_cast<uint64_t>(at); }

// The record's length field. Leaves the cursor bounded to the record's rest; false at a terminator.
bool open_record(const FrameTable& table, const uint8_t* at, Cursor& out) {
  if (at < table.begin || at >= table.end) return false;
  Cursor cursor(at, table.end);
  uint64_t length = cursor.read<uint32_t>();
  if (length == 0xffffffff) length = cursor.read<uint64_t>();
  if (!cursor.good() || length == 0 || length > cursor.left()) return false;
  out = Cursor(cursor.at(), cursor.at() + length);
  return true;
}

// The augmentation's data: 'R' how pointers are encoded, 'L' and 'P' of the language's own, 'S' a signal's frame.
bool read_augmentation(const char* letters, Cursor& cursor, Entry& out) {
  if (*letters == '\0') return true;
  if (*letters != 'z') return false;
  const uint64_t length = cursor.uleb();
  if (!cursor.good() || length > cursor.left()) return false;
  Cursor data(cursor.at(), cursor.at() + length);
  cursor.skip(length);
  for (++letters; *letters != '\0'; ++letters) {
    switch (*letters) {
      case 'R':
        out.pointer_encoding = data.read<uint8_t>();
        break;
      case 'L':
        data.skip(1);
        break;
      case 'P': {
        const auto encoding = data.read<uint8_t>();
        data.pointer(encoding & 0x0f, 0);
        break;
      }
      case 'S':
        out.signal_frame = true;
        break;
      case 'B':
        break;
      default:
        return data.good();  // what follows an unknown letter is skipped by the length
    }
  }
  return data.good();
}

bool read_common(const FrameTable& table, const uint8_t* at, Entry& out, bool& augmented) {
  Cursor cursor(nullptr, nullptr);
  if (!open_record(table, at, cursor)) return false;
  if (cursor.read<uint32_t>() != 0) return false;
  const auto version = cursor.read<uint8_t>();
  if (version != 1 && version != 3 && version != 4) return false;
  const char* letters = cursor.text();
  if (letters == nullptr) return false;
  if (version == 4) cursor.skip(2);  // sizes of addresses and segment selectors
  out.code_factor = cursor.uleb();
  out.data_factor = cursor.sleb();
  out.return_column = version == 1 ? cursor.read<uint8_t>() : cursor.uleb();
  out.pointer_encoding = 0;
  out.signal_frame = false;
  augmented = *letters == 'z';
  if (!read_augmentation(letters, cursor, out) || !cursor.good()) return false;
  out.common = cursor.at();
  out.common_end = cursor.end();
  return true;
}

// Without a sorted table: one entry after the other, as they lie.
bool scan(const FrameTable& table, const uint8_t* at, uint64_t pc, Entry& out) {
  Cursor record(nullptr, nullptr);
  while (open_record(table, at, record)) {
    if (read_entry(table, at, out) && pc >= out.start && pc < out.end) return true;
    at = record.end();
  }
  return false;
}

}  // namespace

bool read_entry(const FrameTable& table, const uint8_t* at, Entry& out) {
  Cursor cursor(nullptr, nullptr);
  if (!open_record(table, at, cursor)) return false;
  const uint8_t* id_place = cursor.at();
  const auto distance = cursor.read<uint32_t>();
  if (!cursor.good() || distance == 0) return false;
  if (distance > static_cast<uint64_t>(id_place - table.begin)) return false;
  bool augmented = false;
  if (!read_common(table, id_place - distance, out, augmented)) return false;
  const uint8_t encoding = out.pointer_encoding;
  if (encoding == Cursor::kOmitted) return false;
  out.start = cursor.pointer(encoding, address_of(table.header));
  const uint64_t length = cursor.pointer(encoding & 0x0f, 0);
  out.end = out.start + length;
  if (augmented) cursor.skip(cursor.uleb());
  out.own = cursor.at();
  out.own_end = cursor.end();
  return cursor.good() && out.end >= out.start;
}

bool find_entry(const FrameTable& table, uint64_t pc, Entry& out) {
  if (table.header < table.begin || table.header >= table.end) return false;
  Cursor cursor(table.header, table.end);
  const auto version = cursor.read<uint8_t>();
  const auto frame_encoding = cursor.read<uint8_t>();
  const auto count_encoding = cursor.read<uint8_t>();
  const auto table_encoding = cursor.read<uint8_t>();
  if (!cursor.good() || version != 1 || frame_encoding == Cursor::kOmitted) return false;
  const uint64_t base = address_of(table.header);
  const uint64_t frames = cursor.pointer(frame_encoding, base);
  if (!cursor.good()) return false;
  if (table_encoding != kSortedTable || count_encoding == Cursor::kOmitted) {
    if (frames < address_of(table.begin) || frames >= address_of(table.end)) return false;
    return scan(table, table.begin + (frames - address_of(table.begin)), pc, out);
  }
  const uint64_t count = cursor.pointer(count_encoding, base);
  if (!cursor.good() || count == 0 || count > cursor.left() / 8) return false;
  const uint8_t* rows = cursor.at();
  const auto word = [&](uint64_t index) {
    int32_t value;
    std::memcpy(&value, rows + index * 4, 4);
    return base + static_cast<uint64_t>(static_cast<int64_t>(value));
  };
  uint64_t low = 0;
  uint64_t high = count;
  while (high - low > 1) {
    const uint64_t middle = low + (high - low) / 2;
    if (word(middle * 2) <= pc)
      low = middle;
    else
      high = middle;
  }
  const uint64_t place = word(low * 2 + 1);
  if (place < address_of(table.begin) || place >= address_of(table.end)) return false;
  if (!read_entry(table, table.begin + (place - address_of(table.begin)), out)) return false;
  return pc >= out.start && pc < out.end;
}

}  // namespace loam::stack

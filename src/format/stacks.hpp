// Modules and stacks as records: what leaves a process so that a tool can turn stack ids into functions and lines outside of it.
//
// A stream of records, each a RecordHead and `bytes` bytes behind it (a multiple of eight). A module's record comes before the first
// stack that names its id; an id means the same in the whole stream. A reader skips kinds that it does not know.
//
// Invariant: plain integers of fixed size, same machine, same byte order. Locking: none, these are messages; whoever writes from
// several threads orders whole records. Nothing here calls the system, allocates, or needs a C++ library.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>

namespace loam::format {

enum class RecordKind : std::uint32_t {
  kModule = 1,  // ModuleRecord, then the path
  kStack = 2,   // StackRecord, then its frames, innermost first
};

struct RecordHead {
  RecordKind kind;
  std::uint32_t bytes;
};

struct ModuleRecord {
  std::uint32_t id;  // 1 and up
  std::uint32_t path_bytes;
  std::uint64_t start;  // where it was mapped
  std::uint64_t end;
  std::uint64_t bias;  // address minus address in the file
  std::uint32_t build_id_bytes;
  std::uint8_t build_id[32];
  std::uint32_t reserved;
};

enum class StackEnding : std::uint32_t { kComplete = 0, kLost = 1, kCut = 2 };

struct StackRecord {
  std::uint32_t id;
  StackEnding ending;
  std::uint32_t frame_count;
  std::uint32_t depth;  // of the stack; more than frame_count if the record does not hold all
};

static_assert(sizeof(RecordHead) == 8 && sizeof(ModuleRecord) == 72 && sizeof(StackRecord) == 16);

// A frame's word: the return address (of the innermost frame the pc itself), whether it was guessed, the module's id.
constexpr std::uint64_t frame_pc(std::uint64_t word) { return word & ((std::uint64_t{1} << 47) - 1); }
constexpr bool frame_guessed(std::uint64_t word) { return (word >> 47 & 1) != 0; }
constexpr std::uint32_t frame_module(std::uint64_t word) { return static_cast<std::uint32_t>(word >> 48); }

constexpr std::size_t padded(std::size_t bytes) { return (bytes + 7) & ~std::size_t{7}; }

// put(data, bytes) takes the record in order, in pieces; what it returns at last is returned, and a false ends the writing.
template <class Put>
bool put_module(Put&& put, ModuleRecord module, const char* path) {
  constexpr char kPadding[8] = {};
  const std::size_t length = path == nullptr ? 0 : std::strlen(path);
  module.path_bytes = static_cast<std::uint32_t>(length);
  const RecordHead head{RecordKind::kModule, static_cast<std::uint32_t>(sizeof module + padded(length))};
  return put(&head, sizeof head) && put(&module, sizeof module) && put(path, length) &&
         put(kPadding, padded(length) - length);
}

template <class Put>
bool put_stack(Put&& put, const StackRecord& stack, const std::uint64_t* frames) {
  const std::size_t bytes = std::size_t{stack.frame_count} * sizeof *frames;
  const RecordHead head{RecordKind::kStack, static_cast<std::uint32_t>(sizeof stack + bytes)};
  return put(&head, sizeof head) && put(&stack, sizeof stack) && put(frames, bytes);
}

// Reads a stream that lies in memory. Any bytes at all: a record that does not fit ends it, and good() then says so.
class StackRecords {
 public:
  StackRecords(const void* data, std::size_t bytes) : at_(static_cast<const char*>(data)), left_(bytes) {}

  // To the next record. False at the end.
  bool next() {
    if (left_ == 0) return false;
    if (!take(&head_, sizeof head_) || head_.bytes > left_ || head_.bytes % 8 != 0) return fail();
    body_ = at_;
    at_ += head_.bytes;
    left_ -= head_.bytes;
    return true;
  }
  bool good() const { return good_; }
  RecordKind kind() const { return head_.kind; }

  // Of a record of that kind. `path` is not ended by a zero. False if the record is not what it says.
  bool module(ModuleRecord& out, const char*& path) const {
    if (head_.bytes < sizeof out) return false;
    std::memcpy(&out, body_, sizeof out);
    path = body_ + sizeof out;
    return out.path_bytes <= head_.bytes - sizeof out && out.build_id_bytes <= sizeof out.build_id;
  }
  bool stack(StackRecord& out) const {
    if (head_.bytes < sizeof out) return false;
    std::memcpy(&out, body_, sizeof out);
    return out.frame_count <= (head_.bytes - sizeof out) / 8;
  }
  // Requires: index is below the stack's frame_count.
  std::uint64_t frame(std::uint32_t index) const {
    std::uint64_t word = 0;
    std::memcpy(&word, body_ + sizeof(StackRecord) + std::size_t{index} * 8, 8);
    return word;
  }

 private:
  bool take(void* out, std::size_t bytes) {
    if (left_ < bytes) return false;
    std::memcpy(out, at_, bytes);
    at_ += bytes;
    left_ -= bytes;
    return true;
  }
  bool fail() {
    good_ = false;
    left_ = 0;
    return false;
  }

  const char* at_;
  std::size_t left_;
  bool good_ = true;
  RecordHead head_{};
  const char* body_ = nullptr;
};

}  // namespace loam::format

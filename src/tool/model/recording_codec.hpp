// Events as columns of a block of a recording, and back (format/recording.hpp). Writer and reader keep the same history, from which most of
// an event follows: which block is freed is told by how many allocations ago it was made, where a block lies by the addresses that the
// same thread has freed in the same class of sizes, last first. The history begins anew with each block of the file.
// Not for sharing between threads. Memory: some 100 bytes an event of a block.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "format/recording.hpp"
#include "tool/model/live_blocks.hpp"

namespace loam::tool {

// The check sums that belong into the head of a block of these packed bytes: the second one over the first.
std::uint32_t packed_check(std::string_view packed);
std::uint32_t head_check(const format::BlockHead& head);

struct RecordedEvent {
  std::uint64_t time = 0;  // nanoseconds since the start; whole microseconds once recorded
  std::uint64_t address = 0;
  std::uint64_t size = 0;  // asked for; of a free 0
  std::uint32_t thread = 0;
  std::uint32_t stack = 0;  // 0: not known
  std::uint8_t alignment_log = 4;
  bool is_free = false;
  bool is_resize = false;  // half of a realloc(): first a free, then an allocation by the same thread
};

// What both sides know after each event.
class EventHistory {
 public:
  static constexpr unsigned kDepth = 8;

  // How `address` follows; and which address follows from a token. Either must be followed by allocated().
  std::uint64_t token_of(const RecordedEvent& event);
  std::uint64_t address_of(const RecordedEvent& event, std::uint64_t token);
  void allocated(const RecordedEvent& event);

  // How many allocations ago it was allocated, plus 1; 0: not known. And the address from that; 0: none.
  std::uint64_t age_of(std::uint64_t address) const;
  std::uint64_t address_at(std::uint64_t age) const;
  void freed(const RecordedEvent& event);
  void forget();

 private:
  struct Block {
    std::uint32_t serial;
    std::uint32_t size_class;
  };
  struct Class {
    std::uint64_t last = 0;    // address
    std::uint64_t stride = 0;  // between the last two that did not come from `free`
    std::vector<std::uint64_t> free;

    void remember(std::uint64_t address);
    std::uint64_t depth_of(std::uint64_t address) const;  // kDepth: not among the last
    bool forget(std::uint64_t address);
  };
  // As the heap's size classes: 16 apart up to 1 KiB, then eight to a power of two. The last is for blocks of another one.
  static constexpr std::size_t kOld = 64 + 54 * 8;
  using Classes = std::array<Class, kOld + 1>;
  static std::uint32_t class_of(std::uint64_t size);
  Classes& classes(std::uint32_t thread);

  LiveBlocks<Block> live_;             // by address
  std::vector<std::uint64_t> places_;  // address by serial; 0: freed
  std::unordered_map<std::uint32_t, std::unique_ptr<Classes>> threads_;
  std::uint32_t thread_ = 0;  // the last one that was asked for
  Classes* of_thread_ = nullptr;
};

constexpr unsigned kEventColumns = 9;

class EventPacker {
 public:
  void add(const RecordedEvent& event);
  std::uint32_t count() const { return count_; }
  std::uint64_t first_us() const { return first_us_; }
  std::uint64_t last_us() const { return time_us_; }
  // The columns of what was added since the last take(). What comes next is a block of its own.
  std::string take();

 private:
  void add_allocation(const RecordedEvent& event);

  std::array<std::string, kEventColumns> columns_;
  std::uint32_t count_ = 0;
  EventHistory history_;
  std::uint64_t first_us_ = 0;
  std::uint64_t time_us_ = 0;
  std::uint64_t old_ = 0;  // the last address in `olds`
  std::uint32_t thread_ = 0;
  std::uint32_t id_ = 0;  // the last in `ids`
  std::unordered_map<std::uint32_t, std::uint32_t> stacks_;
};

class EventUnpacker {
 public:
  // The columns of one block. Throws Failure if they make no sense.
  void open(std::string plain, std::uint32_t count);
  // False at the end of the block. Throws Failure.
  bool next(RecordedEvent& event);
  // Of the block's events, those that next() has not given.
  std::uint32_t left() const { return left_; }

 private:
  std::uint64_t number(unsigned column);
  void read_allocation(RecordedEvent& event);

  std::string plain_;
  std::array<std::string_view, kEventColumns> columns_;
  std::uint32_t left_ = 0;
  EventHistory history_;
  std::uint64_t time_us_ = 0;
  std::uint64_t old_ = 0;
  std::uint32_t thread_ = 0;
  // The stacks in order of their first appearance.
  std::vector<std::uint32_t> stacks_;
};

}  // namespace loam::tool

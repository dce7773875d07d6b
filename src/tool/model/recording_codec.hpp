// Events as columns of a block of a recording, and back (format/recording.hpp). Writer and reader keep the same history, from which most of
// an event follows: which block is freed is told by how many allocations ago it was made, where a block lies by what its thread has freed
// (place_history.hpp). The history begins anew with each block of the file.
// Not for sharing between threads. Memory: some 100 bytes an event of a block.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "format/recording.hpp"
#include "tool/model/block_table.hpp"
#include "tool/model/place_history.hpp"

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

// In the order of format/recording.hpp.
enum EventColumn : unsigned {
  kKinds,
  kTimes,
  kSizes,
  kSizesHigh,
  kLargeSizes,
  kPlaces,
  kJumps,
  kStacks,
  kStacksHigh,
  kIds,
  kAges,
  kAgesHigh,
  kOlds,
  kOthers,
  kEventColumns
};

class EventPacker {
 public:
  // A stack's number and a block's age fit into two bytes.
  static constexpr std::uint32_t kMostEvents = 0xffff;

  EventPacker();
  // An event about this address will be added soon: what is known of it is fetched into the cache.
  void expect(std::uint64_t address) const { live_.expect(address); }
  // Requires: fewer than kMostEvents since the last begin_block().
  void add(const RecordedEvent& event);
  std::uint32_t count() const { return count_; }
  std::uint64_t first_us() const { return first_us_; }
  std::uint64_t last_us() const { return time_us_; }
  // The plain content of a block: the columns of what was added since the last begin_block(), whose lengths are the first part. Valid until then.
  using Parts = std::array<std::string_view, 1 + kEventColumns>;
  Parts parts();
  // What comes next is a block of its own.
  void begin_block();

 private:
  // Has room for what kMostEvents can put into it.
  struct Column {
    std::uint8_t* begin = nullptr;
    std::uint8_t* end = nullptr;

    void byte(unsigned value) { *end++ = static_cast<std::uint8_t>(value); }
    void number(std::uint64_t value) {
      for (; value >= 0x80; value >>= 7) byte(0x80 | (value & 0x7f));
      byte(static_cast<unsigned>(value));
    }
  };

  void add_allocation(const RecordedEvent& event);
  void add_free(const RecordedEvent& event);
  void add_stack(std::uint32_t stack);

  std::unique_ptr<std::uint8_t[]> memory_;
  std::array<Column, kEventColumns> columns_;
  std::string lengths_;
  PlaceHistory places_;
  BlockTable live_;    // address -> number of the allocation in the block, from 1, and class; 0: freed
  BlockTable stacks_;  // id -> number
  std::uint32_t count_ = 0;
  std::uint32_t allocations_ = 0;
  std::uint32_t stack_count_ = 0;
  std::uint64_t first_us_ = 0;
  std::uint64_t time_us_ = 0;
  std::uint64_t old_ = 0;     // the last address in `olds`
  std::uint32_t thread_ = 0;  // these two of the event before
  std::uint32_t stack_ = 0;   // and its number
  std::uint32_t number_ = 0;
  std::uint32_t id_ = 0;  // the last in `ids`
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
  struct Allocation {
    std::uint64_t address;
    std::uint32_t size_class;
  };

  void check_lengths() const;
  std::uint64_t number(unsigned column);
  unsigned byte(unsigned column) { return *at_[column]++; }
  void read_allocation(RecordedEvent& event);
  void read_free(RecordedEvent& event);

  std::string plain_;
  std::array<const std::uint8_t*, kEventColumns> at_ = {};
  std::array<const std::uint8_t*, kEventColumns> end_ = {};
  std::uint32_t left_ = 0;
  PlaceHistory places_;
  std::vector<Allocation> allocations_;
  std::vector<std::uint32_t> stacks_;  // in order of their first appearance
  std::uint64_t time_us_ = 0;
  std::uint64_t old_ = 0;
  std::uint32_t thread_ = 0;
};

}  // namespace loam::tool

// Events as columns of a recording, and back (format/recording.hpp). Writer and reader keep the same history, from which most of an
// event follows: which block is freed is told by how many allocations ago it was made, where a block lies by the addresses that the
// same thread has freed in the same class of sizes, last first.
// Not for sharing between threads. Memory: some 100 bytes a live block.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "format/recording.hpp"
#include "tool/model/live_blocks.hpp"

namespace loam::tool {

// The check sum that belongs into the head of a block of these packed bytes.
std::uint32_t block_check(format::BlockHead head, std::string_view packed);

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

  struct Place {
    std::uint64_t token;
    std::uint64_t address;
  };
  // How `address` follows; and which address follows from a token. Either must be followed by allocated().
  std::uint64_t token_of(const RecordedEvent& event);
  std::uint64_t address_of(const RecordedEvent& event, std::uint64_t token);
  void allocated(const RecordedEvent& event);

  // How many allocations ago it was allocated, plus 1; 0: not known. And the address from that; 0: none.
  std::uint64_t age_of(std::uint64_t address) const;
  std::uint64_t address_at(std::uint64_t age) const;
  void freed(const RecordedEvent& event);

 private:
  struct Block {
    std::uint64_t serial;
    std::uint64_t key;
  };
  struct Class {
    std::uint64_t last = 0;    // address
    std::uint64_t stride = 0;  // between the last two that did not come from `free`
    std::vector<std::uint64_t> free;
  };
  static std::uint64_t key_of(std::uint32_t thread, std::uint64_t size);

  std::uint64_t serial_ = 0;
  LiveBlocks<Block> live_;            // by address
  LiveBlocks<std::uint64_t> places_;  // address by serial
  std::unordered_map<std::uint64_t, Class> classes_;
};

constexpr unsigned kEventColumns = 7;

class EventPacker {
 public:
  void add(const RecordedEvent& event);
  std::uint32_t count() const { return count_; }
  // The columns of what was added since the last take().
  std::string take();

 private:
  void add_allocation(const RecordedEvent& event);

  std::array<std::string, kEventColumns> columns_;
  std::uint32_t count_ = 0;
  EventHistory history_;
  std::uint64_t time_us_ = 0;
  std::uint32_t thread_ = 0;
  std::unordered_map<std::uint32_t, std::uint32_t> stacks_;
};

class EventUnpacker {
 public:
  // The columns of one block. Throws Failure if they make no sense.
  void open(std::string plain, std::uint32_t count);
  // False at the end of the block. Throws Failure.
  bool next(RecordedEvent& event);

 private:
  std::uint64_t number(unsigned column);
  void read_allocation(RecordedEvent& event);

  std::string plain_;
  std::array<std::string_view, kEventColumns> columns_;
  std::uint32_t left_ = 0;
  EventHistory history_;
  std::uint64_t time_us_ = 0;
  std::uint32_t thread_ = 0;
  // The stacks in order of their first appearance: their ids are in `others`.
  std::vector<std::uint32_t> stacks_;
};

}  // namespace loam::tool

#include "tool/model/recording_codec.hpp"

#include <zlib.h>

#include <algorithm>
#include <bit>
#include <utility>

#include "tool/model/failure.hpp"

namespace loam::tool {
namespace {

enum Column : unsigned { kKinds, kTimes, kSizes, kPlaces, kStacks, kFrees, kOthers };
constexpr unsigned kFree = 1, kResize = 2, kAligned = 4, kSwitch = 8;
constexpr std::uint64_t kBump = EventHistory::kDepth;  // the token behind those for freed addresses
constexpr std::size_t kMostFree = 4096;                // remembered of a class

void put(std::string& column, std::uint64_t number) {
  for (; number >= 0x80; number >>= 7) column += static_cast<char>(0x80 | (number & 0x7f));
  column += static_cast<char>(number);
}

std::uint64_t zigzag(std::uint64_t difference) {
  return difference << 1 ^ (difference >> 63 != 0 ? ~std::uint64_t{0} : 0);
}
std::uint64_t unzigzag(std::uint64_t number) {
  return number >> 1 ^ ((number & 1) != 0 ? ~std::uint64_t{0} : 0);
}

[[noreturn]] void fail() { throw Failure(kExitFailure, "a block of events makes no sense"); }

}  // namespace

std::uint32_t block_check(format::BlockHead head, std::string_view packed) {
  head.check = 0;
  const uLong of_head = crc32(0, reinterpret_cast<const Bytef*>(&head), sizeof head);
  return static_cast<std::uint32_t>(
      crc32(of_head, reinterpret_cast<const Bytef*>(packed.data()), static_cast<uInt>(packed.size())));
}

// As the heap's size classes: 16 apart up to 1 KiB, then eight to a power of two.
std::uint64_t EventHistory::key_of(std::uint32_t thread, std::uint64_t size) {
  const std::uint64_t rounded = std::max<std::uint64_t>(size, 1) - 1;
  std::uint64_t step = 4;
  if (rounded >= 1024) step = static_cast<std::uint64_t>(std::bit_width(rounded)) - 4;
  return std::uint64_t{thread} << 32 | (step << 16 & 0xff0000) | (rounded >> step & 0xffff);
}

std::uint64_t EventHistory::token_of(const RecordedEvent& event) {
  const Class& known = classes_[key_of(event.thread, event.size)];
  const std::size_t depth = std::min<std::size_t>(kDepth, known.free.size());
  for (std::size_t i = 0; i < depth; ++i) {
    if (known.free[known.free.size() - 1 - i] == event.address) return i;
  }
  if (event.address == known.last + known.stride) return kBump;
  const std::uint64_t difference = event.address - known.last;
  if (difference % 16 == 0)
    return kBump + 1 + (zigzag(static_cast<std::uint64_t>(static_cast<std::int64_t>(difference) / 16)) << 1);
  return kBump + 1 + (zigzag(difference) << 1 | 1);
}

std::uint64_t EventHistory::address_of(const RecordedEvent& event, std::uint64_t token) {
  const Class& known = classes_[key_of(event.thread, event.size)];
  if (token < kDepth) {
    if (token >= known.free.size()) fail();
    return known.free[known.free.size() - 1 - token];
  }
  if (token == kBump) return known.last + known.stride;
  const std::uint64_t number = token - kBump - 1;
  const std::uint64_t difference = unzigzag(number >> 1);
  return known.last + ((number & 1) != 0 ? difference : difference * 16);
}

void EventHistory::allocated(const RecordedEvent& event) {
  const std::uint64_t key = key_of(event.thread, event.size);
  Class& known = classes_[key];
  const std::size_t depth = std::min<std::size_t>(kDepth, known.free.size());
  const auto from = known.free.end() - static_cast<std::ptrdiff_t>(depth);
  const auto at = std::find(from, known.free.end(), event.address);
  if (at != known.free.end()) {
    known.free.erase(at);
  } else {
    known.stride = event.address - known.last;
    known.last = event.address;
  }
  bool is_new = false;
  Block& block = live_.at(event.address, is_new);
  std::uint64_t place = 0;
  if (!is_new) places_.take(block.serial, place);  // its free was not seen
  block = {++serial_, key};
  places_.at(serial_, is_new) = event.address;
}

std::uint64_t EventHistory::age_of(std::uint64_t address) const {
  const Block* block = live_.find(address);
  return block == nullptr ? 0 : serial_ - block->serial + 1;
}

std::uint64_t EventHistory::address_at(std::uint64_t age) const {
  const std::uint64_t* place = age == 0 || age > serial_ ? nullptr : places_.find(serial_ - age + 1);
  return place == nullptr ? 0 : *place;
}

void EventHistory::freed(const RecordedEvent& event) {
  Block block{};
  if (!live_.take(event.address, block)) return;
  // What a thread frees it is handed out again itself, whoever allocated it.
  const std::uint64_t size_part = block.key & 0xffffffff;
  Class& known = classes_[std::uint64_t{event.thread} << 32 | size_part];
  if (known.free.size() >= kMostFree)
    known.free.erase(known.free.begin(), known.free.begin() + static_cast<std::ptrdiff_t>(kMostFree / 2));
  known.free.push_back(event.address);
  std::uint64_t place = 0;
  places_.take(block.serial, place);
}

void EventPacker::add(const RecordedEvent& event) {
  unsigned kind = (event.is_free ? kFree : 0) | (event.is_resize ? kResize : 0);
  if (!event.is_free && event.alignment_log != 4) kind |= kAligned;
  if (event.thread != thread_) kind |= kSwitch;
  columns_[kKinds] += static_cast<char>(kind);
  const std::uint64_t time_us = std::max(event.time / 1000, time_us_);
  put(columns_[kTimes], time_us - time_us_);
  time_us_ = time_us;
  if ((kind & kSwitch) != 0) put(columns_[kOthers], event.thread);
  thread_ = event.thread;
  if (event.is_free) {
    const std::uint64_t age = history_.age_of(event.address);
    put(columns_[kFrees], age);
    if (age == 0) put(columns_[kOthers], event.address);
    history_.freed(event);
  } else {
    add_allocation(event);
  }
  ++count_;
}

void EventPacker::add_allocation(const RecordedEvent& event) {
  if (event.alignment_log != 4) put(columns_[kOthers], event.alignment_log);
  put(columns_[kSizes], event.size);
  put(columns_[kPlaces], history_.token_of(event));
  history_.allocated(event);
  if (event.stack == 0) return put(columns_[kStacks], 0);
  const auto [known, is_new] =
      stacks_.try_emplace(event.stack, static_cast<std::uint32_t>(stacks_.size()) + 1);
  put(columns_[kStacks], known->second);
  if (is_new) put(columns_[kOthers], event.stack);
}

std::string EventPacker::take() {
  std::string plain;
  for (std::string& column : columns_) {
    put(plain, column.size());
    plain += column;
    column.clear();
  }
  count_ = 0;
  return plain;
}

void EventUnpacker::open(std::string plain, std::uint32_t count) {
  plain_ = std::move(plain);
  std::string_view rest = plain_;
  for (std::string_view& column : columns_) {
    std::uint64_t bytes = 0;
    unsigned shift = 0;
    do {
      if (rest.empty() || shift > 35) fail();
      bytes |= std::uint64_t{static_cast<unsigned char>(rest.front())} % 128 << shift;
      shift += 7;
      const bool more = (static_cast<unsigned char>(rest.front()) & 0x80) != 0;
      rest.remove_prefix(1);
      if (!more) break;
    } while (true);
    if (bytes > rest.size()) fail();
    column = rest.substr(0, bytes);
    rest.remove_prefix(bytes);
  }
  if (columns_[kKinds].size() != count) fail();
  left_ = count;
}

std::uint64_t EventUnpacker::number(unsigned column) {
  std::string_view& from = columns_[column];
  std::uint64_t out = 0;
  for (unsigned shift = 0;; shift += 7) {
    if (from.empty() || shift > 63) fail();
    const auto byte = static_cast<unsigned char>(from.front());
    from.remove_prefix(1);
    out |= std::uint64_t{byte & 0x7fu} << shift;
    if ((byte & 0x80) == 0) return out;
  }
}

bool EventUnpacker::next(RecordedEvent& event) {
  if (left_ == 0) return false;
  --left_;
  const auto kind = static_cast<unsigned char>(columns_[kKinds].front());
  columns_[kKinds].remove_prefix(1);
  time_us_ += number(kTimes);
  if ((kind & kSwitch) != 0) thread_ = static_cast<std::uint32_t>(number(kOthers));
  event = {};
  event.time = time_us_ * 1000;
  event.thread = thread_;
  event.is_free = (kind & kFree) != 0;
  event.is_resize = (kind & kResize) != 0;
  if (event.is_free) {
    const std::uint64_t age = number(kFrees);
    event.address = age == 0 ? number(kOthers) : history_.address_at(age);
    if (age != 0 && event.address == 0) fail();
    history_.freed(event);
    return true;
  }
  if ((kind & kAligned) != 0) event.alignment_log = static_cast<std::uint8_t>(number(kOthers));
  read_allocation(event);
  return true;
}

void EventUnpacker::read_allocation(RecordedEvent& event) {
  event.size = number(kSizes);
  event.address = history_.address_of(event, number(kPlaces));
  history_.allocated(event);
  const std::uint64_t stack = number(kStacks);
  if (stack == 0) return;
  if (stack > stacks_.size() + 1) fail();
  if (stack == stacks_.size() + 1) stacks_.push_back(static_cast<std::uint32_t>(number(kOthers)));
  event.stack = stacks_[stack - 1];
}

}  // namespace loam::tool

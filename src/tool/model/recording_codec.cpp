#include "tool/model/recording_codec.hpp"

#include <zlib.h>

#include <algorithm>
#include <bit>
#include <cstddef>
#include <utility>

#include "tool/model/failure.hpp"

namespace loam::tool {
namespace {

enum Column : unsigned { kKinds, kTimes, kSizes, kPlaces, kStacks, kIds, kFrees, kOlds, kOthers };
constexpr unsigned kFree = 1, kResize = 2, kAligned = 4, kSwitch = 8;
// The tokens of places: freed in this class, freed without a class, where the class goes on, anywhere else.
constexpr std::uint64_t kOldAt = EventHistory::kDepth;
constexpr std::uint64_t kBump = 2 * EventHistory::kDepth;
constexpr std::size_t kMostFree = 4096;  // remembered of a class

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

// Blocks lie 16 bytes apart, but for those of other allocators.
std::uint64_t packed_difference(std::uint64_t from, std::uint64_t to) {
  const std::uint64_t difference = to - from;
  if (difference % 16 != 0) return zigzag(difference) << 1 | 1;
  return zigzag(static_cast<std::uint64_t>(static_cast<std::int64_t>(difference) / 16)) << 1;
}
std::uint64_t unpacked_difference(std::uint64_t number) {
  const std::uint64_t difference = unzigzag(number >> 1);
  return (number & 1) != 0 ? difference : difference * 16;
}

[[noreturn]] void fail() { throw Failure(kExitFailure, "a block of events makes no sense"); }

std::uint32_t crc_of(const void* data, std::size_t bytes) {
  return static_cast<std::uint32_t>(crc32(0, static_cast<const Bytef*>(data), static_cast<uInt>(bytes)));
}

}  // namespace

std::uint32_t packed_check(std::string_view packed) { return crc_of(packed.data(), packed.size()); }
std::uint32_t head_check(const format::BlockHead& head) {
  return crc_of(&head, offsetof(format::BlockHead, head_check));
}

std::uint32_t EventHistory::class_of(std::uint64_t size) {
  const std::uint64_t rounded = std::max<std::uint64_t>(size, 1) - 1;
  if (rounded < 1024) return static_cast<std::uint32_t>(rounded >> 4);
  const auto width = static_cast<std::uint32_t>(std::bit_width(rounded));
  return 64 + (width - 11) * 8 + static_cast<std::uint32_t>(rounded >> (width - 4)) - 8;
}

EventHistory::Classes& EventHistory::classes(std::uint32_t thread) {
  if (of_thread_ != nullptr && thread == thread_) return *of_thread_;
  constexpr std::size_t kMostThreads = 256;  // a file must not ask for any amount of memory
  if (threads_.size() >= kMostThreads && !threads_.contains(thread)) threads_.clear();
  std::unique_ptr<Classes>& of_thread = threads_[thread];
  if (of_thread == nullptr) of_thread = std::make_unique<Classes>();
  thread_ = thread;
  of_thread_ = of_thread.get();
  return *of_thread_;
}

void EventHistory::Class::remember(std::uint64_t address) {
  if (free.size() >= kMostFree)
    free.erase(free.begin(), free.begin() + static_cast<std::ptrdiff_t>(kMostFree / 2));
  free.push_back(address);
}

std::uint64_t EventHistory::Class::depth_of(std::uint64_t address) const {
  const std::size_t most = std::min<std::size_t>(kDepth, free.size());
  for (std::size_t i = 0; i < most; ++i) {
    if (free[free.size() - 1 - i] == address) return i;
  }
  return kDepth;
}

bool EventHistory::Class::forget(std::uint64_t address) {
  const std::uint64_t depth = depth_of(address);
  if (depth == kDepth) return false;
  free.erase(free.end() - 1 - static_cast<std::ptrdiff_t>(depth));
  return true;
}

std::uint64_t EventHistory::token_of(const RecordedEvent& event) {
  const Classes& all = classes(event.thread);
  const Class& known = all[class_of(event.size)];
  if (const std::uint64_t depth = known.depth_of(event.address); depth < kDepth) return depth;
  if (const std::uint64_t depth = all[kOld].depth_of(event.address); depth < kDepth) return kOldAt + depth;
  if (event.address == known.last + known.stride) return kBump;
  return kBump + 1 + packed_difference(known.last, event.address);
}

std::uint64_t EventHistory::address_of(const RecordedEvent& event, std::uint64_t token) {
  const Classes& all = classes(event.thread);
  const Class& known = all[class_of(event.size)];
  if (token == kBump) return known.last + known.stride;
  if (token > kBump) return known.last + unpacked_difference(token - kBump - 1);
  const std::vector<std::uint64_t>& free = token < kOldAt ? known.free : all[kOld].free;
  const std::uint64_t depth = token % kDepth;
  if (depth >= free.size()) fail();
  return free[free.size() - 1 - depth];
}

void EventHistory::allocated(const RecordedEvent& event) {
  Classes& all = classes(event.thread);
  const std::uint32_t size_class = class_of(event.size);
  Class& known = all[size_class];
  if (!known.forget(event.address) && !all[kOld].forget(event.address)) {
    known.stride = event.address - known.last;
    known.last = event.address;
  }
  bool is_new = false;
  Block& block = live_.at(event.address, is_new);
  if (!is_new) places_[block.serial] = 0;  // its free was not seen
  block = {static_cast<std::uint32_t>(places_.size()), size_class};
  places_.push_back(event.address);
}

std::uint64_t EventHistory::age_of(std::uint64_t address) const {
  const Block* block = live_.find(address);
  return block == nullptr || address == 0 ? 0 : places_.size() - block->serial;
}

std::uint64_t EventHistory::address_at(std::uint64_t age) const {
  return age == 0 || age > places_.size() ? 0 : places_[places_.size() - age];
}

// What a thread frees it is handed out again itself, whoever allocated it.
void EventHistory::freed(const RecordedEvent& event) {
  Block block{};
  Classes& all = classes(event.thread);
  if (!live_.take(event.address, block)) return all[kOld].remember(event.address);
  all[block.size_class].remember(event.address);
  places_[block.serial] = 0;
}

void EventHistory::forget() {
  live_ = {};
  places_.clear();
  threads_.clear();
  of_thread_ = nullptr;
}

void EventPacker::add(const RecordedEvent& event) {
  unsigned kind = (event.is_free ? kFree : 0) | (event.is_resize ? kResize : 0);
  if (!event.is_free && event.alignment_log != 4) kind |= kAligned;
  if (event.thread != thread_) kind |= kSwitch;
  columns_[kKinds] += static_cast<char>(kind);
  const std::uint64_t time_us = std::max(event.time / 1000, time_us_);
  if (count_ == 0) {
    first_us_ = time_us;
    put(columns_[kTimes], time_us);
  } else {
    put(columns_[kTimes], time_us - time_us_);
  }
  time_us_ = time_us;
  if ((kind & kSwitch) != 0) put(columns_[kOthers], event.thread);
  thread_ = event.thread;
  if (event.is_free) {
    const std::uint64_t age = history_.age_of(event.address);
    put(columns_[kFrees], age);
    if (age == 0) {
      put(columns_[kOlds], packed_difference(old_, event.address));
      old_ = event.address;
    }
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
  if (!is_new) return;
  put(columns_[kIds], zigzag(std::uint64_t{event.stack} - id_));
  id_ = event.stack;
}

std::string EventPacker::take() {
  std::string plain;
  for (std::string& column : columns_) {
    put(plain, column.size());
    plain += column;
    column.clear();
  }
  count_ = 0;
  history_.forget();
  stacks_.clear();
  thread_ = id_ = 0;
  old_ = 0;
  return plain;
}

void EventUnpacker::open(std::string plain, std::uint32_t count) {
  left_ = 0;
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
  history_.forget();
  stacks_.clear();
  time_us_ = old_ = 0;
  thread_ = 0;
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
    if (age == 0)
      event.address = old_ += unpacked_difference(number(kOlds));
    else if ((event.address = history_.address_at(age)) == 0)
      fail();
    history_.freed(event);
  } else {
    if ((kind & kAligned) != 0) event.alignment_log = static_cast<std::uint8_t>(number(kOthers));
    read_allocation(event);
  }
  --left_;
  return true;
}

void EventUnpacker::read_allocation(RecordedEvent& event) {
  event.size = number(kSizes);
  event.address = history_.address_of(event, number(kPlaces));
  history_.allocated(event);
  const std::uint64_t stack = number(kStacks);
  if (stack == 0) return;
  if (stack > stacks_.size() + 1) fail();
  if (stack == stacks_.size() + 1) {
    const std::uint32_t before = stacks_.empty() ? 0 : stacks_.back();
    stacks_.push_back(static_cast<std::uint32_t>(before + unzigzag(number(kIds))));
  }
  event.stack = stacks_[stack - 1];
}

}  // namespace loam::tool

#include "tool/model/recording_codec.hpp"

#include <zlib.h>

#include <algorithm>
#include <cstddef>
#include <utility>

#include "tool/model/failure.hpp"

namespace loam::tool {
namespace {

constexpr unsigned kFree = 1, kResize = 2, kAligned = 4, kSwitch = 8, kLater = 16;
constexpr std::uint64_t kLarge = 0xffff;    // sizes from there on are numbers of their own
constexpr std::size_t kMostOfAnEvent = 12;  // bytes in a column of numbers
constexpr unsigned kClassBits = 9;
static_assert(PlaceHistory::kOld < 1U << kClassBits);

std::uint64_t zigzag(std::uint64_t difference) {
  return difference << 1 ^ (difference >> 63 != 0 ? ~std::uint64_t{0} : 0);
}
std::uint64_t unzigzag(std::uint64_t number) {
  return number >> 1 ^ ((number & 1) != 0 ? ~std::uint64_t{0} : 0);
}

// Blocks lie 16 bytes apart, but for those of other allocators.
std::uint64_t packed_difference(std::uint64_t difference) {
  if (difference % 16 != 0) return zigzag(difference) << 1 | 1;
  return zigzag(static_cast<std::uint64_t>(static_cast<std::int64_t>(difference) / 16)) << 1;
}
std::uint64_t unpacked_difference(std::uint64_t number) {
  const std::uint64_t difference = unzigzag(number >> 1);
  return (number & 1) != 0 ? difference : difference * 16;
}

// Columns of bytes; those of the others have numbers in them.
constexpr bool is_of_bytes(unsigned column) {
  return column == kKinds || column == kSizes || column == kSizesHigh || column == kPlaces ||
         column == kStacks || column == kStacksHigh || column == kAges || column == kAgesHigh;
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

// What is not written to is not had from the kernel.
EventPacker::EventPacker() {
  std::size_t bytes = 0;
  const auto room = [](unsigned column) { return kMostEvents * (is_of_bytes(column) ? 1 : kMostOfAnEvent); };
  for (unsigned i = 0; i < kEventColumns; ++i) bytes += room(i);
  memory_.reset(new std::uint8_t[bytes]);
  std::uint8_t* at = memory_.get();
  for (unsigned i = 0; i < kEventColumns; ++i, at += room(i - 1)) columns_[i] = {at, at};
}

void EventPacker::add(const RecordedEvent& event) {
  unsigned kind = (event.is_free ? kFree : 0) | (event.is_resize ? kResize : 0);
  if (!event.is_free && event.alignment_log != 4) kind |= kAligned;
  const std::uint64_t before = count_ == 0 ? 0 : time_us_;
  time_us_ = std::max(event.time / 1000, time_us_);
  if (count_ == 0) first_us_ = time_us_;
  if (time_us_ != before) {
    columns_[kTimes].number(time_us_ - before);
    kind |= kLater;
  }
  if (event.thread != thread_) {
    columns_[kOthers].number(thread_ = event.thread);
    kind |= kSwitch;
  }
  places_.set_thread(thread_);
  columns_[kKinds].byte(kind);
  ++count_;
  if (event.is_free)
    add_free(event);
  else
    add_allocation(event);
}

inline void EventPacker::add_free(const RecordedEvent& event) {
  std::uint32_t* known = live_.find(event.address);
  if (known != nullptr && *known != 0) {
    const std::uint32_t block = std::exchange(*known, 0);
    const std::uint32_t age = allocations_ + 1 - (block >> kClassBits);
    columns_[kAges].byte(age & 0xff);
    columns_[kAgesHigh].byte(age >> 8);
    return places_.freed(block & ((1U << kClassBits) - 1), event.address);
  }
  columns_[kAges].byte(0);
  columns_[kAgesHigh].byte(0);
  columns_[kOlds].number(packed_difference(event.address - old_));
  old_ = event.address;
  places_.freed(PlaceHistory::kOld, event.address);
}

inline void EventPacker::add_allocation(const RecordedEvent& event) {
  if (event.alignment_log != 4) columns_[kOthers].number(event.alignment_log);
  const auto size = static_cast<unsigned>(std::min(event.size, kLarge));
  columns_[kSizes].byte(size & 0xff);
  columns_[kSizesHigh].byte(size >> 8);
  if (size == kLarge) [[unlikely]]
    columns_[kLargeSizes].number(event.size);
  const std::uint32_t size_class = PlaceHistory::class_of(event.size);
  std::uint64_t difference = 0;
  const unsigned token = places_.token_of(size_class, event.address, difference);
  columns_[kPlaces].byte(token);
  if (token == PlaceHistory::kElsewhere) columns_[kJumps].number(packed_difference(difference));
  live_.at(event.address) = ++allocations_ << kClassBits | size_class;
  if (event.stack != stack_) add_stack(event.stack);
  columns_[kStacks].byte(number_ & 0xff);
  columns_[kStacksHigh].byte(number_ >> 8);
}

void EventPacker::add_stack(std::uint32_t stack) {
  stack_ = stack;
  number_ = 0;
  if (stack == 0) return;
  std::uint32_t& known = stacks_.at(stack);
  if (known == 0) {
    known = ++stack_count_;
    columns_[kIds].number(zigzag(std::uint64_t{stack} - id_));
    id_ = stack;
  }
  number_ = known;
}

EventPacker::Parts EventPacker::parts() {
  Parts parts;
  lengths_.clear();
  for (unsigned i = 0; i < kEventColumns; ++i) {
    const Column& column = columns_[i];
    auto bytes = static_cast<std::size_t>(column.end - column.begin);
    parts[1 + i] = {reinterpret_cast<const char*>(column.begin), bytes};
    for (; bytes >= 0x80; bytes >>= 7) lengths_ += static_cast<char>(0x80 | (bytes & 0x7f));
    lengths_ += static_cast<char>(bytes);
  }
  parts[0] = lengths_;
  return parts;
}

void EventPacker::begin_block() {
  for (Column& column : columns_) column.end = column.begin;
  places_.forget();
  live_.clear();
  stacks_.clear();
  count_ = allocations_ = stack_count_ = 0;
  thread_ = stack_ = number_ = id_ = 0;
  old_ = 0;
}

void EventUnpacker::open(std::string plain, std::uint32_t count) {
  left_ = 0;
  plain_ = std::move(plain);
  const auto* at = reinterpret_cast<const std::uint8_t*>(plain_.data());
  const std::uint8_t* const end = at + plain_.size();
  std::array<std::size_t, kEventColumns> lengths{};
  for (std::size_t& length : lengths) {
    unsigned shift = 0;
    do {
      if (at == end || shift > 35) fail();
      length |= std::size_t{*at & 0x7fU} << shift;
      shift += 7;
    } while ((*at++ & 0x80) != 0);
  }
  for (unsigned i = 0; i < kEventColumns; ++i) {
    if (lengths[i] > static_cast<std::size_t>(end - at)) fail();
    at_[i] = at;
    end_[i] = at += lengths[i];
  }
  if (lengths[kKinds] != count) fail();
  check_lengths();
  left_ = count;
  places_.forget();
  allocations_.clear();
  stacks_.clear();
  time_us_ = old_ = 0;
  thread_ = 0;
}

// Each event has its bytes: whether there are some is not asked for each.
void EventUnpacker::check_lengths() const {
  const auto length = [this](unsigned column) { return end_[column] - at_[column]; };
  std::ptrdiff_t frees = 0;
  for (const std::uint8_t* kind = at_[kKinds]; kind != end_[kKinds]; ++kind) frees += *kind & kFree;
  const std::ptrdiff_t allocations = length(kKinds) - frees;
  for (const unsigned column : {kSizes, kSizesHigh, kPlaces, kStacks, kStacksHigh}) {
    if (length(column) != allocations) fail();
  }
  if (length(kAges) != frees || length(kAgesHigh) != frees) fail();
}

std::uint64_t EventUnpacker::number(unsigned column) {
  const std::uint8_t*& at = at_[column];
  std::uint64_t out = 0;
  for (unsigned shift = 0;; shift += 7) {
    if (at == end_[column] || shift > 63) fail();
    const std::uint8_t byte = *at++;
    out |= std::uint64_t{byte & 0x7fu} << shift;
    if ((byte & 0x80) == 0) return out;
  }
}

bool EventUnpacker::next(RecordedEvent& event) {
  if (left_ == 0) return false;
  const unsigned kind = byte(kKinds);
  if ((kind & kLater) != 0) time_us_ += number(kTimes);
  if ((kind & kSwitch) != 0) thread_ = static_cast<std::uint32_t>(number(kOthers));
  places_.set_thread(thread_);
  event = {};
  event.time = time_us_ * 1000;
  event.thread = thread_;
  event.is_free = (kind & kFree) != 0;
  event.is_resize = (kind & kResize) != 0;
  if (event.is_free) {
    read_free(event);
  } else {
    if ((kind & kAligned) != 0) event.alignment_log = static_cast<std::uint8_t>(number(kOthers));
    read_allocation(event);
  }
  --left_;
  return true;
}

inline void EventUnpacker::read_free(RecordedEvent& event) {
  const std::uint32_t age = byte(kAges) | byte(kAgesHigh) << 8;
  if (age == 0) {
    event.address = old_ += unpacked_difference(number(kOlds));
    return places_.freed(PlaceHistory::kOld, event.address);
  }
  if (age > allocations_.size()) fail();
  const Allocation& block = allocations_[allocations_.size() - age];
  event.address = block.address;
  places_.freed(block.size_class, block.address);
}

inline void EventUnpacker::read_allocation(RecordedEvent& event) {
  event.size = byte(kSizes) | byte(kSizesHigh) << 8;
  if (event.size == kLarge) event.size = number(kLargeSizes);
  const std::uint32_t size_class = PlaceHistory::class_of(event.size);
  const unsigned token = byte(kPlaces);
  if (token > PlaceHistory::kElsewhere) fail();
  const std::uint64_t difference =
      token == PlaceHistory::kElsewhere ? unpacked_difference(number(kJumps)) : 0;
  event.address = places_.address_of(size_class, token, difference);
  if (event.address == 0 && token < PlaceHistory::kOn) fail();
  allocations_.push_back({event.address, size_class});
  const std::uint32_t stack = byte(kStacks) | byte(kStacksHigh) << 8;
  if (stack == 0) return;
  if (stack > stacks_.size() + 1) fail();
  if (stack == stacks_.size() + 1) {
    const std::uint32_t before = stacks_.empty() ? 0 : stacks_.back();
    stacks_.push_back(static_cast<std::uint32_t>(before + unzigzag(number(kIds))));
  }
  event.stack = stacks_[stack - 1];
}

}  // namespace loam::tool

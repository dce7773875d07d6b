#include "lib/gc/space.hpp"

#include "base/bits.hpp"
#include "sys/kernel.hpp"

namespace loam::collector {

constinit Space space;

namespace {

constexpr uint64_t kMostWindow = uint64_t{256} << 30;
constexpr uint64_t kLeastWindow = uint64_t{16} << 20;
constexpr uint64_t kHugePage = uint64_t{2} << 20;
// Below, a huge page would cost a small program more memory than it saves time.
constexpr uint64_t kHugeFrom = uint64_t{8} << 20;
// From here on the marker's bits are on huge pages too: of a heap linked at random each pointer asks for others.
constexpr uint64_t kHugeMarksFrom = uint64_t{64} << 20;
constexpr uint32_t kLeastGrowth = 16;  // blocks

}  // namespace

bool Space::open() {
  // A limit on the address space is the whole process's: no more than a quarter of it.
  const uint64_t most = sys::address_space_limit() / 4;
  uint64_t bytes = most < kMostWindow ? base::align_down(most, kHugePage) : kMostWindow;
  for (; bytes >= kLeastWindow; bytes /= 2) {
    void* window = sys::map(bytes + kHugePage, true);
    if (window == nullptr) continue;
    const uint64_t count = bytes >> kBlockShift;
    blocks_ = static_cast<Block*>(sys::map_unreserved(count * sizeof(Block)));
    more_ = static_cast<BlockMore*>(sys::map_unreserved(count * sizeof(BlockMore)));
    live_ = static_cast<uint64_t*>(sys::map_unreserved(count * kBitWords * sizeof(uint64_t)));
    old_ = static_cast<uint64_t*>(sys::map_unreserved(count * kBitWords * sizeof(uint64_t)));
    marks_ = static_cast<Marks*>(sys::map_unreserved(count * kBitWords * sizeof(Marks)));
    if (blocks_ == nullptr || more_ == nullptr || live_ == nullptr || old_ == nullptr || marks_ == nullptr)
      return false;
    base_ = base::align_up(reinterpret_cast<uint64_t>(window), kHugePage);
    window_bytes_ = bytes;
    return true;
  }
  return false;
}

bool Space::prepare_to(uint64_t bytes) {
  if (bytes > window_bytes_) bytes = window_bytes_;
  uint64_t before = prepared_bytes_.load(std::memory_order_acquire);
  if (bytes <= before) return true;
  void* start = reinterpret_cast<void*>(base_ + before);
  if (!sys::make_writable(start, bytes - before)) return false;
  if (before >= kHugeFrom) sys::advise_huge(start, bytes - before, true);
  // Two threads at once do the same to what both want.
  while (before < bytes && !prepared_bytes_.compare_exchange_weak(before, bytes, std::memory_order_acq_rel))
    continue;
  return true;
}

bool Space::grow(uint32_t blocks) {
  uint64_t bytes = uint64_t{blocks < kLeastGrowth ? kLeastGrowth : blocks} << kBlockShift;
  if (bytes < used_bytes_ / 16) bytes = base::align_down(used_bytes_ / 16, kBlockBytes);
  if (used_bytes_ >= kHugeFrom) bytes = base::align_up(used_bytes_ + bytes, kHugePage) - used_bytes_;
  const uint64_t most = limit_ < window_bytes_ ? limit_ : window_bytes_;
  if (used_bytes_ + bytes > most) bytes = uint64_t{blocks} << kBlockShift;
  if (used_bytes_ + bytes > most) return false;
  if (!prepare_to(used_bytes_ + bytes)) return false;
  const auto first = static_cast<uint32_t>(used_bytes_ >> kBlockShift);
  const auto count = static_cast<uint32_t>(bytes >> kBlockShift);
  for (uint32_t i = first; i < first + count; ++i) blocks_[i].pristine = true;
  if (used_bytes_ + bytes >= kHugeMarksFrom) advise_marks();
  sys::poke(used_bytes_, used_bytes_ + bytes);
  free_blocks_ += count;
  return true;
}

// All of the window's at once: later the call might wait for a page that the second thread is fetching.
void Space::advise_marks() {
  if (huge_marks_) return;
  huge_marks_ = true;
  const uint64_t start = base::align_up(reinterpret_cast<uint64_t>(marks_), kHugePage);
  const uint64_t end = base::align_down(
      reinterpret_cast<uint64_t>(marks(static_cast<uint32_t>(window_bytes_ >> kBlockShift))), kHugePage);
  if (end > start) sys::advise_huge(reinterpret_cast<void*>(start), end - start, true);
}

bool Space::grow_to(uint64_t bytes) {
  if (bytes <= used_bytes_) return true;
  return grow(static_cast<uint32_t>(base::divide_up(bytes - used_bytes_, kBlockBytes)));
}

uint32_t Space::find_run(uint32_t count, uint32_t from, uint32_t to) {
  uint32_t run = 0;
  for (uint32_t i = from; i < to; ++i) {
    run = blocks_[i].state == State::kFree ? run + 1 : 0;
    if (run == count) return i + 1 - count;
  }
  return kNoBlock;
}

uint32_t Space::take(uint32_t count) {
  uint32_t first = kNoBlock;
  if (free_blocks_ >= count) first = find_run(count, hint_, block_count());
  if (first == kNoBlock) {
    const uint32_t before = block_count();
    // What is free at the upper end counts for a large object.
    uint32_t tail = 0;
    while (tail < before && tail < count && blocks_[before - 1 - tail].state == State::kFree) ++tail;
    if (!grow(count - tail)) return kNoBlock;
    first = before - tail;
  }
  if (count == 1) hint_ = first + 1;
  free_blocks_ -= count;
  return first;
}

void Space::make_small(uint32_t number, Kind kind, unsigned size_class) {
  Block& block = blocks_[number];
  const uint32_t bytes = class_bytes(size_class);
  block.inverse = static_cast<uint32_t>(((uint64_t{1} << 32) + bytes - 1) / bytes);
  block.bytes = bytes;
  block.kind = kind;
  block.size_class = static_cast<uint8_t>(size_class);
  block.slots = static_cast<uint16_t>(kBlockBytes / bytes);
  block.freed = 0;
  more_[number] = {};
  set_state(block, State::kSmall);
}

void Space::make_large(uint32_t first, uint32_t count, Kind kind, uint64_t bytes) {
  for (uint32_t i = 0; i < count; ++i) more_[first + i] = {};
  more_[first].large_bytes = bytes;
  more_[first].length = count;
  for (uint32_t i = count; i-- > 0;) {
    Block& block = blocks_[first + i];
    block.inverse = 0;
    block.bytes = i;
    block.kind = kind;
    block.slots = i == 0 ? 1 : 0;
    block.freed = 0;
    set_state(block, i == 0 ? State::kLarge : State::kRest);
  }
}

void Space::release(uint32_t first) {
  const uint32_t count = blocks_[first].state == State::kLarge ? more_[first].length : 1;
  for (unsigned i = 0; i < kBitWords; ++i) {
    live(first)[i] = 0;
    old(first)[i] = 0;
    marks(first)[i] = {};
  }
  for (uint32_t i = first; i < first + count; ++i) {
    blocks_[i] = {};
    more_[i] = {};
  }
  free_blocks_ += count;
  if (first < hint_) hint_ = first;
}

uint64_t Space::purge() {
  uint64_t bytes = 0;
  for (uint32_t i = 0; i < block_count();) {
    uint32_t end = i;
    while (end < block_count() && blocks_[end].state == State::kFree && !blocks_[end].pristine) ++end;
    if (end > i && sys::purge(reinterpret_cast<void*>(address(i)), uint64_t{end - i} << kBlockShift)) {
      for (uint32_t j = i; j < end; ++j) blocks_[j].pristine = true;
      bytes += uint64_t{end - i} << kBlockShift;
    }
    i = end + 1;
  }
  return bytes;
}

}  // namespace loam::collector

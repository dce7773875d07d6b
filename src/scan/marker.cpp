#include "scan/marker.hpp"

#include "base/bits.hpp"
#include "sys/sanitizer.hpp"

namespace loam::scan {

namespace {

// From here on the kernel is asked which pages of a block hold anything.
constexpr uint64_t kSparseBytes = uint64_t{256} << 10;
constexpr uint64_t kAddressMask = (uint64_t{1} << 48) - 1;

// So many bytes of a block are fetched ahead; the processor sees by itself that the lines behind are wanted next.
constexpr uint64_t kFetchBytes = 320;
constexpr uint64_t kLine = 64;

inline void prefetch(uint64_t address, uint64_t bytes) {
  for (uint64_t at = 0; at < bytes && at < kFetchBytes; at += kLine)
    __builtin_prefetch(reinterpret_cast<const void*>(address + at));
}

// A word of the program's memory, whatever it holds.
LOAM_UNWATCHED inline uint64_t load(uint64_t address) {
  return *reinterpret_cast<const volatile uint64_t*>(address);
}

}  // namespace

bool Marker::prepare(Scratch& scratch) {
  stack_ = scratch.take<Entry>(map_.live_blocks() + 1);
  return stack_ != nullptr;
}

void Marker::push(const BlockMap::Block& block) {
  const BlockMap::Span& span = *block.span;
  const uint64_t address = map_.address(span, block.index);
  const uint64_t units = readable_ == nullptr || readable_->all() ? span.read_units : 0;
  stack_[top_++] = address | (units << kSizeShift);
  ++blocks_;
}

void Marker::follow(uint64_t word) {
  const BlockMap::Block block = map_.find(word);
  if (block.span == nullptr || !open_.remove(block.number)) return;
  push(block);
}

void Marker::add_block(const BlockMap::Block& block) {
  if (open_.remove(block.number)) push(block);
}

LOAM_UNWATCHED void Marker::read_words(uint64_t start, uint64_t end) {
  words_ += (end - start) / sizeof(uint64_t);
  for (uint64_t at = start; at < end; at += sizeof(uint64_t)) look_at(load(at));
}

void Marker::add_range(uint64_t start, uint64_t end) {
  read_words(base::align_up(start, sizeof(uint64_t)), base::align_down(end, sizeof(uint64_t)));
  drain();
}

// Blocks of spans that are not uniform, and all blocks while something of the heap is unreadable.
void Marker::read_unusual(uint64_t address) {
  const BlockMap::Block block = map_.find(address);
  if (block.span == nullptr) return;
  const uint64_t bytes = base::align_down(map_.bytes(*block.span, block.index), sizeof(uint64_t));
  if (readable_ == nullptr) return read_words(address, address + bytes);
  const auto visit = [](uint64_t start, uint64_t end, void* marker) {
    static_cast<Marker*>(marker)->read_words(start, end);
  };
  readable_->visit(address, address + bytes, bytes >= kSparseBytes, visit, this);
}

void Marker::read(Entry entry) {
  const uint64_t address = entry & kAddressMask;
  const uint64_t bytes = (entry >> kSizeShift) * BlockMap::kUnit;
  if (bytes == 0) [[unlikely]]
    return read_unusual(address);
  read_words(address, address + bytes);
}

void Marker::drain() {
  Entry queue[kQueue] = {};
  unsigned at = 0;
  unsigned waiting = 0;
  while (top_ > 0 || waiting > 0) {
    if (waiting < kQueue && top_ > 0) {
      const Entry entry = stack_[--top_];
      prefetch(entry & kAddressMask, (entry >> kSizeShift) * BlockMap::kUnit);
      queue[(at + waiting++) % kQueue] = entry;
      continue;
    }
    const Entry oldest = queue[at];
    at = (at + 1) % kQueue;
    --waiting;
    read(oldest);
  }
}

}  // namespace loam::scan

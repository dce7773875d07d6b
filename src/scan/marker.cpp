#include "scan/marker.hpp"

#include "base/bits.hpp"
#include "scan/word.hpp"

namespace loam::scan {

namespace {

// From here on the kernel is asked which pages of a block hold anything.
constexpr uint64_t kSparseBytes = uint64_t{256} << 10;

// So many bytes of a block are fetched ahead; the processor sees by itself that the lines behind are wanted next.
constexpr uint64_t kFetchBytes = 320;
constexpr uint64_t kLine = 64;

// So many blocks are read between looks at whether somebody has nothing to do.
constexpr unsigned kPatience = 64;

inline void prefetch(uint64_t address, uint64_t bytes) {
  for (uint64_t at = 0; at < bytes && at < kFetchBytes; at += kLine)
    __builtin_prefetch(reinterpret_cast<const void*>(address + at));
}

}  // namespace

bool Marker::prepare(Scratch& scratch) {
  ring_mask_ = (uint64_t{2} << base::highest_bit((map_.words() + 1) | 1)) - 1;
  waiting_ = scratch.take<uint64_t>(map_.words());
  ring_ = scratch.take<Group>(ring_mask_ + 1);
  return waiting_ != nullptr && ring_ != nullptr;
}

// Whether a block is still open is as good as random where each is pointed to more than once, and what tells lies in the third
// or fourth of loads that wait for each other: a branch that is guessed wrong would undo all that was begun meanwhile.
void Marker::take(const BlockMap::Block& block) {
  const uint32_t word = block.number / 64;
  const unsigned at = block.number % 64;
  uint64_t& open = open_.words()[word];
  uint64_t& waiting = waiting_[word];
  const uint64_t was = (open >> at) & 1;
  const uint64_t begins = was & uint64_t{waiting == 0};
  open &= ~(uint64_t{1} << at);
  waiting |= was << at;
  ring_[last_ & ring_mask_] = {word, map_.index_of(*block.span)};
  last_ += begins;
  blocks_ += was;
}

// A look first: a locked instruction holds up all others, and half of what is found was found before.
void Marker::take_shared(const BlockMap::Block& block) {
  const uint32_t word = block.number / 64;
  const uint64_t bit = uint64_t{1} << (block.number % 64);
  uint64_t& open = open_.words()[word];
  if ((__atomic_load_n(&open, __ATOMIC_RELAXED) & bit) == 0) return;
  if ((__atomic_fetch_and(&open, ~bit, __ATOMIC_RELAXED) & bit) == 0) return;
  ++blocks_;
  if (waiting_[word] == 0) ring_[last_++ & ring_mask_] = {word, map_.index_of(*block.span)};
  waiting_[word] |= bit;
}

void Marker::look_up() {
  const unsigned count = collected_;
  collected_ = 0;
  const BlockMap::Span* spans[kBatch + kPiece];
  BlockMap::Block blocks[kBatch + kPiece];
  for (unsigned i = 0; i < count; ++i) {
    spans[i] = &map_.span_of(batch_[i]);
    __builtin_prefetch(spans[i]);
  }
  unsigned found = 0;
  for (unsigned i = 0; i < count; ++i) {
    blocks[found] = map_.find_in(*spans[i], batch_[i]);
    __builtin_prefetch(&open_.words()[blocks[found].number / 64]);
    __builtin_prefetch(&waiting_[blocks[found].number / 64]);
    found += unsigned{blocks[found].span != nullptr};
  }
  if (pool_ == nullptr) {
    for (unsigned i = 0; i < found; ++i) take(blocks[i]);
  } else {
    for (unsigned i = 0; i < found; ++i) take_shared(blocks[i]);
  }
}

void Marker::add_block(const BlockMap::Block& block) {
  if (pool_ == nullptr) return take(block);
  take_shared(block);
}

LOAM_UNWATCHED void Marker::read_words(uint64_t start, uint64_t end) {
  words_ += (end - start) / sizeof(uint64_t);
  while (start < end) {
    const uint64_t bytes = end - start < kPiece * sizeof(uint64_t) ? end - start : kPiece * sizeof(uint64_t);
    for (uint64_t at = start; at < start + bytes; at += sizeof(uint64_t)) collect(word_at(at));
    start += bytes;
    if (collected_ >= kBatch) look_up();
  }
}

void Marker::add_range(uint64_t start, uint64_t end) {
  read_words(base::align_up(start, sizeof(uint64_t)), base::align_down(end, sizeof(uint64_t)));
  drain();
}

LOAM_UNWATCHED void Marker::add_code(uint64_t start, uint64_t end) {
  for (uint64_t at = start; at + sizeof(uint64_t) <= end; ++at) add_word(word_at(at));
  words_ += (end - start) / sizeof(uint64_t);
  drain();
}

// Blocks of spans that are not uniform, and all blocks while something of the heap is unreadable.
void Marker::read_unusual(const Entry& entry) {
  const uint64_t bytes = base::align_down(map_.bytes(*entry.span, entry.index), sizeof(uint64_t));
  if (readable_ == nullptr) return read_words(entry.start, entry.start + bytes);
  const auto visit = [](uint64_t start, uint64_t end, void* marker) {
    static_cast<Marker*>(marker)->read_words(start, end);
  };
  readable_->visit(entry.start, entry.start + bytes, bytes >= kSparseBytes, visit, this);
}

void Marker::read(const Entry& entry) {
  if (entry.start == entry.end) [[unlikely]]
    return read_unusual(entry);
  read_words(entry.start, entry.end);
}

// The next block that waits, if there is one.
bool Marker::next(Entry& entry) {
  if (bits_ == 0) {
    if (first_ == last_) return false;
    const Group group = ring_[first_++ & ring_mask_];
    bits_ = waiting_[group.word];
    waiting_[group.word] = 0;
    span_ = &map_.span(group.span);
    index_ = group.word * 64 - span_->base;
    units_ = readable_ == nullptr || readable_->all() ? span_->read_units : 0;
  }
  const uint32_t index = index_ + base::lowest_bit(bits_);
  bits_ &= bits_ - 1;
  const uint64_t start = map_.address(*span_, index);
  entry = {start, start + units_ * BlockMap::kUnit, span_, index};
  return true;
}

// Half of the words that wait, from the front, as they are read by pages too.
void Marker::give() {
  Work work[WorkPool::kRoom / 4];
  const uint64_t half = (last_ - first_) / 2;
  uint32_t count = 0;
  for (; count < half && count < WorkPool::kRoom / 4; ++count) {
    const Group group = ring_[(first_ + count) & ring_mask_];
    work[count] = {group.word, group.span, waiting_[group.word]};
  }
  if (count == 0) return;
  const uint32_t given = pool_->give(work, count);
  for (uint32_t i = 0; i < given; ++i) waiting_[work[i].word] = 0;
  first_ += given;
}

void Marker::accept(const Work* work, uint32_t count) {
  for (uint32_t i = 0; i < count; ++i) {
    if (waiting_[work[i].word] == 0) ring_[last_++ & ring_mask_] = {work[i].word, work[i].span};
    waiting_[work[i].word] |= work[i].bits;
  }
}

void Marker::drain() {
  run();
  if (pool_ == nullptr) return;
  Work work[WorkPool::kTaken];
  while (const uint32_t count = pool_->take(work)) {
    accept(work, count);
    run();
  }
}

void Marker::help() {
  Work work[WorkPool::kTaken];
  while (const uint32_t count = pool_->take_until_closed(work)) {
    accept(work, count);
    run();
  }
}

void Marker::run() {
  Entry queue[kQueue] = {};
  unsigned at = 0;
  unsigned waiting = 0;
  unsigned patience = kPatience;
  for (;;) {
    if (--patience == 0) {
      patience = kPatience;
      if (pool_ != nullptr && pool_->hungry()) give();
    }
    while (waiting < kQueue) {
      Entry& entry = queue[(at + waiting) % kQueue];
      if (!next(entry)) break;
      prefetch(entry.start, entry.end - entry.start);
      ++waiting;
    }
    if (waiting == 0) {
      if (collected_ == 0) return;
      look_up();
      continue;
    }
    const Entry oldest = queue[at];
    at = (at + 1) % kQueue;
    --waiting;
    read(oldest);
  }
}

}  // namespace loam::scan

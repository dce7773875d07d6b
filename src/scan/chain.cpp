#include "scan/chain.hpp"

#include "base/bits.hpp"
#include "scan/word.hpp"

namespace loam::scan {

namespace {

// From here on the kernel is asked which pages of a block hold anything.
constexpr uint64_t kSparseBytes = uint64_t{256} << 10;
constexpr uint64_t kWord = sizeof(uint64_t);

}  // namespace

void Chain::look_at(uint64_t word, uint64_t address) {
  if (word - map_.lowest() >= map_.extent()) return;
  const BlockMap::Block block = map_.find(word);
  if (block.span == nullptr || !open_.remove(block.number)) return;
  words_[block.number] = address;
  queue_[found_++] = block.number;
}

void Chain::add_word(uint64_t word) { look_at(word, 0); }

LOAM_UNWATCHED void Chain::read_words(uint64_t start, uint64_t end) {
  for (uint64_t at = start; at + kWord <= end; at += kWord) look_at(word_at(at), at);
}

void Chain::add_range(uint64_t start, uint64_t end) { read_words(base::align_up(start, kWord), end); }

LOAM_UNWATCHED void Chain::add_code(uint64_t start, uint64_t end) {
  for (uint64_t at = start; at + kWord <= end; ++at) look_at(word_at(at), at);
}

void Chain::read(uint32_t number) {
  const BlockMap::Block block = map_.at(number);
  const uint64_t start = map_.address(*block.span, block.index);
  const uint64_t bytes = map_.bytes(*block.span, block.index);
  const auto visit = [](uint64_t from, uint64_t to, void* chain) {
    static_cast<Chain*>(chain)->read_words(from, to);
  };
  readable_.visit(start, start + bytes, bytes >= kSparseBytes, visit, this);
}

bool Chain::prepare(Scratch& scratch) {
  open_ = map_.copy(map_.live(), scratch);
  words_ = scratch.take<uint64_t>(map_.words() * 64);
  queue_ = scratch.take<uint32_t>(map_.live_blocks() + 1);
  return open_.words() != nullptr && words_ != nullptr && queue_ != nullptr;
}

void Chain::follow() {
  for (uint64_t next = 0; next < found_; ++next) read(queue_[next]);
}

}  // namespace loam::scan

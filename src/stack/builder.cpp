#include "stack/builder.hpp"

#include <cstring>

#include "stack/call_site.hpp"
#include "stack/row_cache.hpp"

namespace loam::stack {

namespace {

constexpr uint64_t kSpread = 0x9e3779b97f4a7c15u;

// One pc in sixteen.
bool ends_segment(uint64_t pc) { return (pc * kSpread) >> 60 == 0; }

uint64_t near(uint64_t base, int32_t offset) {
  return base + static_cast<uint64_t>(static_cast<int64_t>(offset));
}

}  // namespace

bool Builder::add(uint64_t place, uint64_t expected, bool relative) {
  const uint64_t offset = place - start_sp_;
  if (word_count_ == kMaxWords || offset > UINT32_MAX) return false;
  words_[word_count_++] = {relative ? expected - start_sp_ : expected, static_cast<uint32_t>(offset),
                           relative ? -1 : 0};
  return true;
}

// From here on places depend on rbp: what it is must be compared too, once, where it was saved.
bool Builder::need_bp() {
  if (bp_proved_) return true;
  bp_proved_ = true;
  if (bp_place_ != 0) return add(bp_place_, bp_, true);
  needs_bp_ = true;
  bp_expected_ = bp_ - start_sp_;
  return true;
}

bool Builder::find_cfa(const Row& row, uint64_t& cfa) {
  if (row.kind == RowKind::kSp) {
    cfa = near(sp_, row.cfa);
    return true;
  }
  if (!need_bp()) return false;
  cfa = near(bp_, row.cfa);
  if (row.kind == RowKind::kBp) return true;
  const uint64_t place = cfa;
  return memory_.read(place, cfa) && add(place, cfa, true);
}

bool Builder::step(const Row& row) {
  uint64_t cfa = 0;
  if (!find_cfa(row, cfa) || cfa <= sp_) return false;
  uint64_t caller = 0;
  if (!memory_.read(cfa - 8, caller) || !add(cfa - 8, caller, false)) return false;
  if (row.saved != SavedBp::kInRegister) {
    if (row.saved == SavedBp::kNearBp && !need_bp()) return false;
    const uint64_t place = near(row.saved == SavedBp::kNearCfa ? cfa : bp_, row.bp);
    if (place - start_sp_ > UINT32_MAX || !memory_.read(place, bp_)) return false;
    bp_place_ = place;
    bp_proved_ = false;
  }
  sp_ = cfa;
  pc_ = caller;
  return true;
}

// As the walk does.
bool Builder::end_unknown(const Row& row) {
  ends_ = true;
  return row.module != 0 && (!follows_call(pc_, memory_) || (bp_ == 0 && need_bp()));
}

bool Builder::cut() const {
  constexpr unsigned kWordsPerFrame = 3;
  return sp_ == boundary_ || ends_segment(pc_) || frame_count_ == kMaxFrames ||
         word_count_ + kWordsPerFrame > kMaxWords;
}

bool Builder::run() {
  do {
    const Row row = row_at(pc_);
    frames_[frame_count_++] = Frame(pc_, row.module);
    if (row.kind == RowKind::kOutermost) {
      ends_ = true;
      return true;
    }
    if (row.kind == RowKind::kUnknown) return end_unknown(row);
    if (row.kind == RowKind::kFull || !step(row)) return false;
    if (boundary_ != 0 && sp_ > boundary_) return false;
    if (pc_ == 0) {
      ends_ = true;
      return true;
    }
  } while (!cut());
  return true;
}

uint64_t Builder::hash() const {
  uint64_t hash = start_pc_ ^ (sp_ - start_sp_) ^ (needs_bp_ ? bp_expected_ * 3 : 0);
  for (unsigned i = 0; i < word_count_; ++i) {
    hash = (hash ^ words_[i].expected ^ uint64_t{words_[i].offset} << 48) * kSpread;
    hash ^= hash >> 31;
  }
  return hash;
}

bool Builder::equals(const Segment& segment) const {
  return segment.pc == start_pc_ && segment.size == sp_ - start_sp_ && segment.outer_pc == pc_ &&
         segment.ends == ends_ && segment.needs_bp == needs_bp_ &&
         (!needs_bp_ || segment.bp_expected == bp_expected_) && segment.saves_bp == (bp_place_ != 0) &&
         (bp_place_ == 0 || segment.bp_offset == bp_place_ - start_sp_) &&
         segment.word_count == word_count_ && segment.frame_count == frame_count_ &&
         std::memcmp(segment.words, words_, word_count_ * sizeof(Word)) == 0 &&
         std::memcmp(segment.frames(), frames_, frame_count_ * sizeof(Frame)) == 0;
}

size_t Builder::bytes() const {
  return sizeof(Segment) + word_count_ * sizeof(Word) + frame_count_ * sizeof(Frame);
}

void Builder::copy(Segment& out) const {
  out.bp_expected = bp_expected_;
  out.size = sp_ - start_sp_;
  out.word_count = static_cast<uint16_t>(word_count_);
  out.frame_count = static_cast<uint16_t>(frame_count_);
  out.needs_bp = needs_bp_;
  out.ends = ends_;
  out.saves_bp = bp_place_ != 0;
  out.bp_offset = static_cast<uint32_t>(bp_place_ - start_sp_);
  out.pc = start_pc_;
  out.outer_pc = pc_;
  std::memcpy(out.words, words_, word_count_ * sizeof(Word));
  std::memcpy(out.words + word_count_, frames_, frame_count_ * sizeof(Frame));
}

}  // namespace loam::stack

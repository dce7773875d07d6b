#include "stack/walk.hpp"

#include "stack/call_site.hpp"
#include "stack/modules.hpp"
#include "stack/row_cache.hpp"
#include "stack/step.hpp"

namespace loam::stack {

namespace {

// A guessed frame is believed only if it is small.
constexpr uint64_t kMaxGuessedFrame = uint64_t{1} << 20;
// Code that was jumped to, with the frame of what jumped still there (node replaces an interpreter's so while a loop runs), has no
// return address beside its own frame: that frame's is the next one.
constexpr int kMostInherited = 1;

}  // namespace

const Row& Walk::row() {
  if (!have_row_) {
    row_ = row_at(exact_pc_ ? pc_ + 1 : pc_);
    have_row_ = true;
  }
  return row_;
}

Frame Walk::frame() { return {pc_, row().module, guessed_}; }

bool Walk::arrive(uint64_t pc, uint64_t sp, uint64_t bp) {
  if (pc == 0) return end(Ending::kComplete);
  pc_ = pc;
  sp_ = sp;
  bp_ = bp;
  exact_pc_ = false;
  have_row_ = false;
  ++steps_;
  return true;
}

bool Walk::next() {
  const Row current = row();
  switch (current.kind) {
    case RowKind::kSp:
    case RowKind::kBp:
    case RowKind::kBpDeref:
      return next_by_row(current);
    case RowKind::kOutermost:
      return end(Ending::kComplete);
    case RowKind::kFull:
      return next_by_rules();
    case RowKind::kUnknown:
      return next_by_frame_pointer(current);
  }
  return end(Ending::kLost);
}

bool Walk::next_by_row(const Row& row) {
  const auto near = [](uint64_t base, int32_t offset) {
    return base + static_cast<uint64_t>(static_cast<int64_t>(offset));
  };
  uint64_t cfa = near(row.kind == RowKind::kSp ? sp_ : bp_, row.cfa);
  if (row.kind == RowKind::kBpDeref && !memory_.read(cfa, cfa)) return end(Ending::kLost);
  if (cfa <= sp_) return end(Ending::kLost);
  uint64_t pc = 0;
  uint64_t bp = bp_;
  if (!memory_.read(cfa - 8, pc)) return end(Ending::kLost);
  if (row.saved != SavedBp::kInRegister) {
    const uint64_t place = near(row.saved == SavedBp::kNearCfa ? cfa : bp_, row.bp);
    if (!memory_.read(place, bp)) return end(Ending::kLost);
  }
  guessed_ = false;
  return arrive(pc, cfa, bp);
}

// Follows all registers from the checkpoint to this frame and past it.
bool Walk::next_by_rules() {
  if (!whole_) return end(Ending::kLost);
  for (uint64_t left = steps_ + 1; left > 0; --left) {
    const Module* module = module_at(pc_of(checkpoint_));
    const Step result = module == nullptr ? Step::kFailed : step(*module, checkpoint_, memory_);
    if (result == Step::kOutermost) return end(Ending::kComplete);
    if (result == Step::kFailed) return end(Ending::kLost);
  }
  if (!checkpoint_.has(kRbp)) checkpoint_.value[kRbp] = 0;
  guessed_ = false;
  arrive(checkpoint_.pc(), checkpoint_.sp(), checkpoint_.bp());
  exact_pc_ = checkpoint_.interrupted;
  steps_ = 0;
  return true;
}

// Nothing is known of this code. If it keeps frame pointers, rbp leads on: to a place not far above, with a return address beside it.
bool Walk::next_by_frame_pointer(const Row& row) {
  // What runs before any function has set up a frame (the loader's entry) finds zero there. And where nothing was called from, the
  // frame was put there by hand: a coroutine's first.
  if (row.module != 0 && !exact_pc_ && (bp_ == 0 || !follows_call(pc_, memory_)))
    return end(Ending::kComplete);
  uint64_t pc = 0;
  uint64_t place = bp_;
  uint64_t below = sp_;
  for (int frames = 0; frames < kMostInherited + 1; ++frames) {
    uint64_t bp = 0;
    if (place < below || place - below > kMaxGuessedFrame || place % 8 != 0) break;
    if (!memory_.read(place, bp) || !memory_.read(place + 8, pc)) break;
    if (follows_call(pc, memory_)) {
      guessed_ = true;
      whole_ = false;
      return arrive(pc, place + 16, bp);
    }
    below = place + 16;
    place = bp;
  }
  return end(Ending::kLost);
}

Captured capture(const Registers& start, const void* inside, Frame* buffer, uint32_t capacity) {
  Captured out;
  Walk walk(start);
  const auto boundary = reinterpret_cast<uint64_t>(inside);
  bool more = true;
  while (more && walk.sp() < boundary) more = walk.next();
  for (; more; more = walk.next()) {
    if (out.count == capacity) {
      out.ending = Ending::kCut;
      return out;
    }
    buffer[out.count++] = walk.frame();
  }
  out.ending = walk.ending();
  return out;
}

}  // namespace loam::stack

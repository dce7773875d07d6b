#include "stack/stack.hpp"

#include "base/tagged_stack.hpp"
#include "meta/arena.hpp"
#include "stack/row_cache.hpp"
#include "stack/walk.hpp"

namespace loam::stack {

namespace {

// Where a walk puts its frames before they go to the depot, outermost first: too much for the stack of a thread or a signal. As many as
// there were ever walks at the same time.
struct Scratch {
  static constexpr uint32_t kFrames = 8000;

  Scratch* next;
  Frame frames[kFrames];
};

constinit base::TaggedStack<Scratch> scratches;
constinit base::TaggedStack<Memo> memos;

Id enter(const Frame* frames, const Captured& captured) {
  Depot::Entering entering(depot, captured.ending);
  for (uint32_t i = captured.count; i > 0; --i) entering.add(frames[i - 1]);
  return entering.finish();
}

[[gnu::noinline]] Id capture_small(const Registers& start, const void* inside) {
  Frame frames[64];
  const Captured captured = capture(start, inside, frames, 64);
  return enter(frames, captured);
}

}  // namespace

Id capture_by_walk(const Registers& start, const void* inside) {
  Scratch* scratch = scratches.pop();
  if (scratch == nullptr) scratch = static_cast<Scratch*>(meta::arena.allocate(sizeof(Scratch)));
  if (scratch == nullptr) return capture_small(start, inside);
  const Captured captured = capture(start, inside, scratch->frames, Scratch::kFrames);
  const Id id = enter(scratch->frames, captured);
  scratches.push(scratch);
  return id;
}

bool prepare() { return prepare_rows(); }

Memo* attach_memo() {
  Memo* memo = memos.pop();
  if (memo == nullptr) return static_cast<Memo*>(meta::arena.allocate(sizeof(Memo)));
  memo->change_hands();
  return memo;
}

void release_memo(Memo* memo) {
  if (memo != nullptr) memos.push(memo);
}

Resolved resolve(Id id, Frame* buffer, uint32_t capacity) { return depot.resolve(id, buffer, capacity); }

}  // namespace loam::stack

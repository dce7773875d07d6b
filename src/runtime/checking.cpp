#include "runtime/checking.hpp"

#include "heap/regions.hpp"
#include "meta/arena.hpp"
#include "report/messages.hpp"
#include "runtime/call_stacks.hpp"
#include "stack/stack.hpp"
#include "sys/kernel.hpp"

namespace loam::runtime {

namespace {

constinit bool watched = false;

// The page tier's records take half as much again as its pages, and stay: by default what the budget of memory has room
// for, else a part of the machine's.
uint64_t page_window(check::Tier tier) {
  constexpr uint64_t kDefault = uint64_t{32} << 20;
  constexpr uint64_t kPart = 16;
  return tier == check::Tier::kDefault ? kDefault : sys::physical_memory() / kPart;
}

check::Outcome pass_on(const check::Returned& returned) {
  const char* place = foreign_place(returned.block);
  if (place != nullptr) return check::report_foreign(returned, place);
  release_foreign(returned.block);
  return check::Outcome::kDone;
}

void stop_if(check::Outcome outcome) {
  if (outcome == check::Outcome::kStop) sys::abort_process();
}

void finish_release(heap::ThreadHeap* heap, const check::Returned& returned) {
  check::Outcome outcome = check::release(heap, returned);
  if (outcome == check::Outcome::kForeign) outcome = pass_on(returned);
  stop_if(outcome);
}

}  // namespace

bool open_checking(const options::Values& values) {
  if (!open_findings(values.check_path)) {
    report::complaint("the finding file cannot be mapped, this process is not watched");
    return false;
  }
  const check::Settings settings = {static_cast<check::Tier>(values.check_tier),
                                    values.flip,
                                    values.keep_going,
                                    values.quarantine << 20,
                                    page_window(static_cast<check::Tier>(values.check_tier)),
                                    values.guard_first,
                                    values.guard_rate};
  if (!check::open(settings, {write_finding})) {
    report::complaint("there is no memory for check mode, this process is not watched");
    return false;
  }
  // Blocks come back by way of the quarantine, from all over its memory.
  heap::regions.prefer_huge_pages();
  meta::arena.prefer_huge_pages();
  stack::prepare();
  begin_findings();
  prepare_faults(values.keep_going);
  watched = true;
  return true;
}

void restart_checking() {
  check::forget_threads(thread_heap());
  begin_findings();
}

void finish_checking() {
  if (!watched) return;
  check::sweep();
  write_watched(true);
}

void* checked_allocate(heap::ThreadHeap* heap, size_t size, size_t alignment, Origin origin, bool zeroed) {
  constexpr unsigned kLeast = 4;
  const unsigned log = base::lowest_bit(alignment);
  const check::StackId stack = stack_above(check::memo_of(heap), origin.frame);
  return check::allocate(heap, {size, log < kLeast ? kLeast : log, origin.family, zeroed, stack});
}

void checked_release(heap::ThreadHeap* heap, void* block, Origin origin) {
  check::touch(block);
  const check::StackId stack = stack_above(check::memo_of(heap), origin.frame);
  finish_release(heap, {block, origin.family, false, 0, stack});
}

void checked_release_sized(heap::ThreadHeap* heap, void* block, size_t size, Origin origin) {
  check::touch(block);
  const check::StackId stack = stack_above(check::memo_of(heap), origin.frame);
  finish_release(heap, {block, origin.family, true, size, stack});
}

void* checked_resize(heap::ThreadHeap* heap, void* block, size_t size, Origin origin) {
  const check::StackId stack = stack_above(check::memo_of(heap), origin.frame);
  const check::Returned returned = {block, origin.family, false, 0, stack};
  const check::Resized resized = check::resize(heap, returned, size);
  if (resized.outcome == check::Outcome::kForeign) {
    const char* place = foreign_place(block);
    if (place == nullptr) return resize_foreign(block, size);
    stop_if(check::report_foreign(returned, place));
  }
  stop_if(resized.outcome);
  return resized.block;
}

size_t checked_usable_size(void* block) {
  const size_t size = check::usable_size(block);
  if (size != 0 || check::find(block).record != nullptr || foreign_place(block) != nullptr) return size;
  return usable_size_foreign(block);
}

}  // namespace loam::runtime

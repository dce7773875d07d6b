#include "runtime/placing.hpp"

#include <atomic>
#include <cstring>

#include "policy/policy.hpp"
#include "report/messages.hpp"
#include "runtime/heap_calls.hpp"
#include "runtime/runtime.hpp"

namespace loam::runtime {

namespace {

using heap::ThreadHeap;

struct State {
  size_t big = 0;                      // from this size on, not in the region; 0: no limit
  const char* name = nullptr;          // of the policy
  std::atomic<uint64_t> elsewhere{0};  // allocations that the heap served
};

constinit State state;

void* allocate_elsewhere(ThreadHeap* heap, size_t size, size_t alignment) {
  void* block =
      alignment <= heap::kGranule ? heap_allocate(heap, size) : heap_allocate_aligned(heap, alignment, size);
  if (block != nullptr) state.elsewhere.fetch_add(1, std::memory_order_relaxed);
  return block;
}

[[noreturn]] void report_place(const void* pointer, const policy::Place& place, report::Operation operation) {
  heap::Fault fault{};
  // Free blocks are joined: which one it was, nobody knows any more.
  fault.kind = place.live ? heap::FaultKind::kInterior : heap::FaultKind::kDoubleFree;
  fault.pointer = pointer;
  fault.block = fault.span = place.block;
  fault.size = fault.span_size = place.bytes;
  fault.live = place.live;
  report::fault(operation, fault);
}

// The live block of the region that starts there; ends the process if the pointer leads into the region and none does. Null:
// it is not the region's.
policy::Place expect_place(const void* block, report::Operation operation) {
  const policy::Place place = policy::find(block);
  if (place.block != nullptr && (place.block != block || !place.live)) report_place(block, place, operation);
  return place;
}

void* move_from_region(ThreadHeap* heap, const policy::Place& from, size_t size) {
  void* fresh = placed_allocate(heap, size, 1);
  if (fresh == nullptr) return size <= from.bytes ? from.block : nullptr;
  memcpy(fresh, from.block, size < from.bytes ? size : from.bytes);
  placed_release(heap, from.block);
  return fresh;
}

}  // namespace

bool open_placing(const options::Values& values, sys::SourceKind source) {
  state.big = values.policy_big;
  state.name = options::kPolicyNames[values.policy];
  if (policy::open({values.policy, source, values.source_path, values.policy_header})) return true;
  report::complaint("there is no memory for the policy's region, the heap serves");
  return false;
}

void report_placing() {
  report::placement(state.name, policy::figures(), state.elsewhere.load(std::memory_order_relaxed));
}

void* placed_allocate(ThreadHeap* heap, size_t size, size_t alignment) {
  if (size > PTRDIFF_MAX) return nullptr;
  if (state.big == 0 || size < state.big) {
    const policy::Allocated made = policy::allocate(size == 0 ? 1 : size, alignment);
    if (made.outcome == policy::Outcome::kDone) return made.block;
  }
  return allocate_elsewhere(heap, size, alignment);
}

void* placed_allocate_zeroed(ThreadHeap* heap, size_t size) {
  void* block = placed_allocate(heap, size, 1);
  // All of it: a later realloc in place may expose what the program did not ask for now.
  if (block != nullptr) memset(block, 0, placed_usable_size(block));
  return block;
}

void placed_release(ThreadHeap* heap, void* block) {
  if (heap::page_map.find(block) == nullptr) {
    const policy::Released released = policy::release(block);
    if (released.outcome != policy::Outcome::kNoMemory) return;
    if (released.place.block != nullptr) report_place(block, released.place, report::Operation::kFree);
  }
  if (heap_release(heap, block) == Freed::kForeign) release_foreign(block);
}

void* placed_resize(ThreadHeap* heap, void* block, size_t size) {
  const policy::Place place = expect_place(block, report::Operation::kRealloc);
  if (size > PTRDIFF_MAX) return nullptr;
  if (place.block != nullptr) {
    const bool stays = state.big == 0 || size < state.big;
    if (stays && policy::resize(block, size) == policy::Resized::kInPlace) return block;
    return move_from_region(heap, place, size);
  }
  const heap::Found found = expect_block(block, report::Operation::kRealloc);
  return found.where == heap::Where::kNowhere ? resize_foreign(block, size) : heap_resize(heap, found, size);
}

size_t placed_usable_size(void* block) {
  const policy::Place place = expect_place(block, report::Operation::kUsableSize);
  if (place.block != nullptr) return place.bytes;
  const heap::Found found = expect_block(block, report::Operation::kUsableSize);
  return found.where == heap::Where::kNowhere ? usable_size_foreign(block) : found.size;
}

}  // namespace loam::runtime

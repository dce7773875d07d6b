#include "runtime/recording.hpp"

#include "base/bits.hpp"
#include "heap/fast_path.hpp"
#include "heap/outside.hpp"
#include "heap/regions.hpp"
#include "meta/arena.hpp"
#include "record/recorder.hpp"
#include "report/messages.hpp"
#include "runtime/call_stacks.hpp"
#include "runtime/heap_calls.hpp"
#include "sys/kernel.hpp"

namespace loam::runtime {

namespace {

using format::Event;
using heap::Found;
using heap::ThreadHeap;

constinit const options::Values* settings = nullptr;
constinit bool stacks = false;        // are told, as far as they can be taken
constinit bool takes_stacks = false;  // likewise, in this process

// How often the figures that the tool samples are set: words of events, per thread.
constexpr uint64_t kFiguresEvery = 256;

record::Writer* writer_of(ThreadHeap* heap) {
  if (heap == nullptr) return nullptr;
  if (heap->mode_state == nullptr) [[unlikely]]
    heap->mode_state = meta::arena.allocate(sizeof(record::Writer));
  return static_cast<record::Writer*>(heap->mode_state);
}

[[gnu::noinline]] void put_slowly(ThreadHeap* heap, record::Writer* writer, const Event& event) {
  record::put_at_length(writer, heap != nullptr ? heap->thread : sys::thread_id(), event);
  if (writer == nullptr || writer->written < writer->figures_at) return;
  writer->figures_at = writer->written + kFiguresEvery;
  record::set_figures(sys::total_calls(), heap::regions.touched_bytes() + heap::outside_bytes());
}

[[gnu::always_inline]] inline void put(ThreadHeap* heap, record::Writer* writer, const Event& event) {
  if (writer == nullptr || !record::is_short(event) || !record::put_quickly(*writer, heap->thread, event))
      [[unlikely]]
    put_slowly(heap, writer, event);
}

// Inlined, as each frame of our own is walked too.
[[gnu::always_inline]] inline void put_allocation(ThreadHeap* heap, const void* block, size_t size,
                                                  size_t alignment, bool is_resize, const void* frame) {
  record::Writer* writer = writer_of(heap);
  uint32_t stack = stack::kNoStack;
  if (takes_stacks) {
    stack = stack_above(writer == nullptr ? nullptr : &writer->memo, frame);
    record::tell_stack(stack);
  }
  const auto log = static_cast<uint8_t>(alignment <= heap::kGranule ? 4 : base::highest_bit(alignment));
  put(heap, writer, {reinterpret_cast<uint64_t>(block), size, stack, false, is_resize, log});
}

// Before anybody else can have the block.
[[gnu::always_inline]] inline void put_release(ThreadHeap* heap, const void* block, bool is_resize) {
  put(heap, writer_of(heap), {reinterpret_cast<uint64_t>(block), 0, stack::kNoStack, true, is_resize, 4});
}

}  // namespace

bool open_recording(const options::Values& values) {
  if (values.record_path[0] == '\0') return false;
  settings = &values;
  stacks = values.record_stacks && stack::prepare();
  takes_stacks = record::open(values.record_path, stacks, 0) && stacks;
  if (record::is_open()) return true;
  report::complaint(
      "nothing is recorded: no ring file can be made (no room in shared memory, or ulimit -f or -v)");
  return false;
}

void restart_recording(uint32_t parent) {
  if (settings == nullptr) return;
  const bool open = settings->follow && record::open(settings->record_path, stacks, parent);
  if (!open) record::leave_off();
  takes_stacks = open && stacks;
}

void finish_recording() { record::say_ended(); }

void* recorded_allocate(ThreadHeap* heap, size_t size, size_t alignment, bool zeroed, const void* frame) {
  void* block = zeroed          ? heap_allocate_zeroed(heap, size)
                : alignment > 1 ? heap_allocate_aligned(heap, alignment, size)
                                : heap_allocate(heap, size);
  if (block != nullptr) put_allocation(heap, block, size, alignment, false, frame);
  return block;
}

void* recorded_malloc(ThreadHeap* heap, size_t size, const void* frame) {
  void* block = heap == nullptr || heap::is_busy(*heap) ? nullptr : heap::pop_unshown(*heap, size);
  if (block == nullptr) [[unlikely]] {
    block = heap_allocate(heap, size);
    if (block == nullptr) return nullptr;
  }
  put_allocation(heap, block, size, 1, false, frame);
  return block;
}

[[gnu::noinline]] void release_at_length(ThreadHeap* heap, void* block) {
  const Found found = heap::find(block);
  if (found.where == heap::Where::kLive && found.block == block) put_release(heap, block, false);
  if (heap_release(heap, block) == Freed::kForeign) release_foreign(block);
}

void recorded_release(ThreadHeap* heap, void* block) {
  heap::Span* span = heap::page_map.find(block);
  uint8_t* state = heap == nullptr || heap::is_busy(*heap) ? nullptr : heap::live_state(span, block);
  if (state == nullptr) [[unlikely]]
    return release_at_length(heap, block);
  put_release(heap, block, false);
  if (!heap::push_unshown(*heap, *span, block, state)) [[unlikely]]
    heap_release(heap, block);
}

void* recorded_resize(ThreadHeap* heap, const Found& found, size_t size, const Origin& origin) {
  put_release(heap, found.block, true);
  void* block = heap_resize(heap, found, size);
  // Out of memory: the old one stays as it was.
  put_allocation(heap, block != nullptr ? block : found.block, block != nullptr ? size : found.size, 1, true,
                 origin.frame);
  return block;
}

}  // namespace loam::runtime

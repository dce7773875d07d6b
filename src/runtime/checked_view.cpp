// The heap of check mode as the leak search sees it: blocks are what the program asked for, those in the quarantine are gone, and
// the page tier and the guarded window have blocks too.
#include "check/blocks.hpp"
#include "check/survey.hpp"
#include "format/leaks.hpp"
#include "runtime/checking.hpp"
#include "runtime/heap_view.hpp"

namespace loam::runtime {

namespace {

using check::BlockState;
using check::History;
using check::Record;
using heap_view::Visit;
using heap_view::word;

// What a view's `record` points to: a span, or with the lowest bit set the record of a block that is alone.
const Record* alone(const void* record) {
  return (word(record) & 1) == 0 ? nullptr : reinterpret_cast<const Record*>(word(record) - 1);
}

const Record& record_of(const void* of, uint64_t index) {
  const Record* record = alone(of);
  if (record != nullptr) return *record;
  return check::notes_of(*static_cast<const heap::Span*>(of))->records[index];
}

const History& history_of(const void* of, uint64_t index) {
  const Record* record = alone(of);
  if (record != nullptr) return check::history_of(*record);
  const auto& span = *static_cast<const heap::Span*>(of);
  return *check::history_in(*check::notes_of(span), sys::peek(span.blocks), index);
}

bool is_live(const Record& record) {
  return record.state.load(std::memory_order_acquire) == BlockState::kLive;
}

void visit_block(const check::BlockInfo& block, void* argument) {
  if (!is_live(*block.record)) return;
  const auto& to = *static_cast<const Visit*>(argument);
  scan::SpanView view{};
  view.start = view.first = word(block.user);
  view.bytes = block.size == 0 ? 1 : block.size;  // one of no bytes has an address too
  view.blocks = 1;
  view.class_index =
      block.size <= heap::kMaxSmall ? heap::class_of(block.size == 0 ? 1 : block.size) : heap::kClasses;
  view.record = reinterpret_cast<const void*>(word(block.record) | 1);
  to.visit(view, to.argument);
}

// A large block of the heap's has its record where a span of small ones has many.
void visit_span(heap::Span& span, void* argument) {
  if (span.notes == nullptr || !check::is_noted(span)) return;
  const auto& to = *static_cast<const Visit*>(argument);
  const auto narrow = [](const scan::SpanView& view, void* inner) {
    const auto& outer = *static_cast<const Visit*>(inner);
    scan::SpanView narrowed = view;
    narrowed.uniform = false;
    if (view.step == 0) {
      const check::Home home = check::find_home(reinterpret_cast<const void*>(view.first));
      if (home.record != nullptr) narrowed.bytes = check::size_of(home);
    }
    outer.visit(narrowed, outer.argument);
  };
  Visit inner{narrow, const_cast<Visit*>(&to)};
  heap_view::visit_span(span, &inner);
}

struct Outside {
  Visit* to;
  uint64_t from;
};

void visit_outside(const heap::OutsideBlock& block, void* argument) {
  auto& outside = *static_cast<Outside*>(argument);
  check::for_each_window_block(outside.from, word(block.block), visit_block, outside.to);
  outside.from = word(block.block);
  const check::Home home = check::home_of(block);
  if (check::is_known(home)) visit_block(check::info_of(home), outside.to);
}

void for_each_span(void (*visit)(const scan::SpanView&, void*), void* argument) {
  Visit to{visit, argument};
  heap::for_each_span(visit_span, &to);
  Outside outside{&to, 0};
  heap::for_each_outside(visit_outside, &outside);
  check::for_each_window_block(outside.from, ~uint64_t{0}, visit_block, &to);
}

uint64_t live_bits(const void* record, uint64_t index) {
  if (alone(record) != nullptr) return is_live(*alone(record)) ? 1 : 0;
  const auto& span = *static_cast<const heap::Span*>(record);
  if (sys::peek(span.kind) == heap::SpanKind::kLarge) return is_live(record_of(record, 0)) ? 1 : 0;
  uint64_t bits = heap::live_bits(span, index);
  for (uint64_t left = bits; left != 0; left &= left - 1) {
    const unsigned bit = base::lowest_bit(left);
    const Record& block = record_of(record, index * 64 + bit);
    if (!is_live(block)) bits &= ~(uint64_t{1} << bit);
  }
  return bits;
}

uint64_t block_bytes(const void* record, uint64_t index) { return record_of(record, index).size; }

uint32_t stack_id(const void* record, uint64_t index, uint64_t) {
  if (check::is_inherited(record_of(record, index))) return format::kInherited;
  return history_of(record, index).allocated_at;
}

bool next_own(uint64_t address, uint64_t* start, uint64_t* end) {
  bool found = heap_view::next_own(address, start, end);
  check::Piece pieces[check::kMostPieces];
  const unsigned count = check::own_pieces(pieces);
  const auto consider = [&](uint64_t from, uint64_t to) {
    if (to <= address || (found && from >= *start)) return;
    *start = from;
    *end = to;
    found = true;
  };
  for (unsigned i = 0; i < count; ++i) consider(pieces[i].start, pieces[i].end);
  const check::Piece file = findings_memory();
  if (file.end != 0) consider(file.start, file.end);
  return found;
}

}  // namespace

scan::HeapView view_of_checked_heap() {
  scan::HeapView view = view_of_heap();
  view.for_each_span = for_each_span;
  view.live_bits = live_bits;
  view.block_bytes = block_bytes;
  view.next_own = next_own;
  view.stack_id = stack_id;
  return view;
}

}  // namespace loam::runtime

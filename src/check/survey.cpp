#include "check/survey.hpp"

#include "check/state.hpp"

namespace loam::check {

namespace {

uint64_t word(const void* address) { return reinterpret_cast<uint64_t>(address); }

bool within(uint64_t start, uint64_t from, uint64_t before) { return start >= from && start < before; }

}  // namespace

void for_each_window_block(uint64_t from, uint64_t before,
                           void (*visit)(const BlockInfo& block, void* argument), void* argument) {
  const uint64_t pages = word(state.pages.start());
  const uint64_t guarded = word(state.guarded.start());
  const bool with_pages = state.pages.window_bytes() != 0 && within(pages, from, before);
  const bool with_guarded = state.guarded.window_bytes() != 0 && within(guarded, from, before);
  if (with_pages && (!with_guarded || pages < guarded)) state.pages.survey(visit, argument);
  if (with_guarded) state.guarded.survey(visit, argument);
  if (with_pages && with_guarded && pages > guarded) state.pages.survey(visit, argument);
}

// Where it is not in the page tier's array, it is part of a LoneRecord.
const History& history_of(const Record& record) {
  const uint64_t records = word(state.pages.records());
  if (within(word(&record), records, records + state.pages.record_bytes()))
    return state.pages.history_of(record);
  return reinterpret_cast<const LoneRecord&>(record).history;
}

bool is_inherited(const Record& record) {
  return state.is_child && static_cast<int32_t>(record.sequence - state.forked_at) < 0;
}

unsigned own_pieces(Piece (&out)[kMostPieces]) {
  unsigned count = 0;
  const auto add = [&](const void* start, uint64_t bytes) {
    if (start != nullptr && bytes != 0) out[count++] = {word(start), word(start) + bytes};
  };
  add(state.pages.start(), state.pages.window_bytes());
  add(state.pages.records(), state.pages.record_bytes());
  add(state.pages.histories(), state.pages.history_bytes());
  add(state.pages.table(), state.pages.table_bytes());
  add(state.guarded.start(), state.guarded.window_bytes());
  add(state.guarded.records(), state.guarded.record_bytes());
  add(state.guarded.table(), state.guarded.table_bytes());
  add(state.quarantine.ring(), state.quarantine.ring_bytes());
  add(&state, sizeof state);  // names where the windows begin, and so their first blocks
  return count;
}

}  // namespace loam::check

#include "stack/trace.hpp"

#include "stack/memo_parts.hpp"

namespace loam::stack {

namespace {

constexpr uint64_t kPage = 4096;
constexpr uint32_t kWordBytes = sizeof(uint64_t);

uint64_t page_of(uint64_t address) { return address / kPage; }

// Puts words into legs and quads.
class Composer {
 public:
  explicit Composer(Trace& trace) : trace_(trace) { note_page(page_of(trace.sp)); }

  bool add(uint64_t place, uint64_t expected) {
    const uint64_t first = page_of(place);
    const uint64_t last = page_of(place + kWordBytes - 1);
    if (!is_known(first) || !is_known(last)) {
      if (!end_leg() || !note_page(first) || !note_page(last)) return false;
    }
    if (words_ == Trace::kMostQuads * 4 || place - trace_.sp > UINT32_MAX) return false;
    put(static_cast<uint32_t>(place - trace_.sp), expected);
    return true;
  }
  // The rest of a leg's last quad is filled up with its first word.
  bool end_leg() {
    if (words_ == begin_ * 4) return true;
    if (trace_.legs == Trace::kMostLegs) return false;
    const Trace::Quad& first = trace_.quads[begin_];
    while (words_ % 4 != 0) put(first.offset[0], first.expected[0]);
    begin_ = words_ / 4;
    trace_.leg_end[trace_.legs++] = static_cast<uint16_t>(begin_ * sizeof(Trace::Quad));
    return true;
  }
  unsigned quads() const { return words_ / 4; }

 private:
  void put(uint32_t offset, uint64_t expected) {
    Trace::Quad& quad = trace_.quads[words_ / 4];
    quad.offset[words_ % 4] = offset;
    quad.expected[words_ % 4] = expected;
    ++words_;
  }
  bool is_known(uint64_t page) const {
    for (unsigned i = 0; i < page_count_; ++i) {
      if (pages_[i] == page) return true;
    }
    return false;
  }
  bool note_page(uint64_t page) {
    if (is_known(page)) return true;
    if (page_count_ == kMostPages) return false;
    pages_[page_count_++] = page;
    return true;
  }

  static constexpr unsigned kMostPages = Trace::kMostLegs + 1;
  Trace& trace_;
  unsigned words_ = 0;
  unsigned begin_ = 0;  // of the leg, in quads
  unsigned page_count_ = 0;
  uint64_t pages_[kMostPages];
};

// The words of a segment that begins at `sp`; `bp_at` is where the rbp lies that it finds, 0: in the register.
bool add_segment(Trace& trace, Composer& composer, const Segment& segment, uint64_t sp, uint64_t bp_at) {
  if (segment.needs_bp && bp_at != 0 && !composer.add(bp_at, segment.bp_expected + sp)) return false;
  if (segment.needs_bp && bp_at == 0) {
    trace.bp = segment.bp_expected + sp;
    trace.bp_mask = ~uint64_t{0};
  }
  for (unsigned i = 0; i < segment.word_count; ++i) {
    const Word& word = segment.words[i];
    if (!composer.add(sp + word.offset, word.expected + (word.relative != 0 ? sp : 0))) return false;
  }
  return true;
}

}  // namespace

unsigned Trace::compose(const Registers& start, uint64_t own_bytes, const Node* outermost) {
  constexpr unsigned kMostSegments = kMostQuads * 4;
  const Segment* path[kMostSegments] = {};
  unsigned count = 0;
  for (const Node* node = outermost; node->segment != nullptr; node = node->inner) {
    if (count == kMostSegments) return 0;
    path[count++] = node->segment;
  }
  sp = start.sp();
  pc = start.pc();
  own = own_bytes;
  bp = bp_mask = 0;
  id = outermost->id;
  misses = legs = 0;
  Composer composer(*this);
  uint64_t at = sp;
  uint64_t bp_at = 0;
  while (count-- > 0) {
    const Segment& segment = *path[count];
    if (!add_segment(*this, composer, segment, at, bp_at)) return 0;
    if (segment.saves_bp) bp_at = at + segment.bp_offset;
    at += segment.size;
  }
  return composer.end_leg() ? composer.quads() : 0;
}

// Of two stacks that differ on the stack pointer's page in a place that is not looked at yet, it is from now on: both are then found
// elsewhere. Returns false if nothing was learnt.
[[gnu::no_sanitize_address]] bool Traces::learn(const Slot& slot, const Registers& start) {
  const Trace& trace = **slot.trace;
  Place& place = places_[slot.place];
  if (trace.sp != start.sp() || trace.pc != start.pc() || trace.own != slot.own || trace.legs == 0)
    return false;
  for (unsigned i = 0; i < trace.leg_end[0] / sizeof(Trace::Quad) * 4; ++i) {
    const uint32_t offset = trace.quads[i / 4].offset[i % 4];
    const uint64_t address = start.sp() + offset;
    if (*reinterpret_cast<const uint64_t*>(address) == trace.quads[i / 4].expected[i % 4]) continue;
    if (page_of(address + kWordBytes - 1) != page_of(start.sp())) return false;
    const bool has_room = place.sp != start.sp() || place.near[0] == place.near[1];
    if (place.sp != start.sp())
      place = {start.sp(), {offset, offset}};
    else if (has_room)
      place.near[1] = offset;
    return has_room;
  }
  return false;
}

bool Traces::wants(const Slot& slot, const Registers& start) {
  constexpr uint8_t kPatience = 4;
  Trace* const trace = *slot.trace;
  if (trace == nullptr) return true;
  return ++trace->misses % kPatience == 0 && !learn(slot, start);
}

}  // namespace loam::stack

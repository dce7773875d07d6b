#include "scan/readable.hpp"

#include "base/bits.hpp"

namespace loam::scan {

namespace {

constexpr uint64_t kPage = 4096;

struct Clip {
  uint64_t start;
  uint64_t end;
  const Readable* readable;
  Readable::Visitor visitor;
  void* argument;
  void (Readable::*visit)(uint64_t, uint64_t, Readable::Visitor, void*) const;
};

void clip_run(const sys::ResidentRun& run, void* argument) {
  const auto& clip = *static_cast<const Clip*>(argument);
  const uint64_t start = run.start > clip.start ? run.start : clip.start;
  const uint64_t end = run.end < clip.end ? run.end : clip.end;
  if (start < end) (clip.readable->*clip.visit)(start, end, clip.visitor, clip.argument);
}

}  // namespace

bool Readable::prepare(Scratch& scratch, uint64_t most) {
  forbidden_ = scratch.take<Range>(most);
  room_ = forbidden_ == nullptr ? 0 : most;
  return forbidden_ != nullptr;
}

void Readable::forbid(uint64_t start, uint64_t end) {
  if (count_ < room_) forbidden_[count_++] = {start, end};
}

void Readable::visit(uint64_t start, uint64_t end, bool pages, Visitor visitor, void* argument) const {
  if (pages) {
    Clip clip{start, end, this, visitor, argument, &Readable::visit_allowed};
    if (scan_.scan_written(base::align_down(start, kPage), base::align_up(end, kPage), clip_run, &clip))
      return;
  }
  visit_allowed(start, end, visitor, argument);
}

void Readable::visit_allowed(uint64_t start, uint64_t end, Visitor visitor, void* argument) const {
  for (uint64_t i = 0; i < count_ && start < end; ++i) {
    if (forbidden_[i].end <= start) continue;
    if (forbidden_[i].start >= end) break;
    if (start < forbidden_[i].start) visitor(start, forbidden_[i].start, argument);
    start = forbidden_[i].end;
  }
  if (start < end) visitor(start, end, argument);
}

}  // namespace loam::scan

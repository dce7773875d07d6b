#include "scan/leaks.hpp"

#include "base/bits.hpp"
#include "scan/mark_helper.hpp"
#include "scan/word.hpp"
#include "sys/kernel.hpp"
#include "sys/sanitizer.hpp"

namespace loam::scan {

namespace {
constexpr uint64_t kSparseBytes = uint64_t{256} << 10;
}

bool Leaks::find(Roots& roots, Scratch& scratch) {
  const uint64_t begin = sys::monotonic_ns();
  const uint64_t cpu_begin = sys::thread_cpu_ns();
  BlockSet open = map_.copy(map_.live(), scratch);
  Marker marker(map_, open, &readable_);
  if (open.words() == nullptr || !marker.prepare(scratch)) return false;
  MarkHelper* helper = MarkHelper::start(map_, open, readable_, scratch);
  if (helper != nullptr && helper->pool().enter()) marker.share(helper->pool());
  roots.mark(marker);
  BlockSet lost = map_.copy(open, scratch);
  if (lost.words() == nullptr) return false;
  roots.mark_weak(marker);
  words_read_ = marker.words_read();
  mark_cpu_ns_ = 0;
  if (helper != nullptr) {
    helper->finish();
    words_read_ += helper->marker().words_read();
    mark_cpu_ns_ = helper->cpu_ns();
  }
  const uint64_t marked = sys::monotonic_ns();
  mark_ns_ = marked - begin;
  mark_cpu_ns_ += sys::thread_cpu_ns() - cpu_begin;
  const bool sorted = sort(lost, open, scratch);
  sort_ns_ = sys::monotonic_ns() - marked;
  return sorted;
}

bool Leaks::sort(const BlockSet& lost, const BlockSet& leaked, Scratch& scratch) {
  count_reachable(lost);
  if (!make_table(scratch, lost, leaked)) return false;
  connect();
  return true;
}

void Leaks::count_reachable(const BlockSet& lost) {
  for (uint32_t i = 1; i < map_.span_count(); ++i) {
    const BlockMap::Span& span = map_.span(i);
    const SpanView& view = map_.view(span);
    if (view.class_index >= kMostClasses) continue;
    Reachable& of_class = reachable_[view.class_index];
    for (uint64_t word = 0; word < base::divide_up(view.blocks, 64); ++word) {
      const uint64_t at = span.base / 64 + word;
      uint64_t bits = map_.live().words()[at] & ~lost.words()[at];
      of_class.blocks += base::count_bits(bits);
      if (view.uniform) of_class.bytes += base::count_bits(bits) * view.step;
      for (; !view.uniform && bits != 0; bits &= bits - 1)
        of_class.bytes += map_.bytes(span, static_cast<uint32_t>(word * 64 + base::lowest_bit(bits)));
    }
  }
}

bool Leaks::make_table(Scratch& scratch, const BlockSet& lost, const BlockSet& leaked) {
  lost_ = lost;
  ranks_ = scratch.take<uint32_t>(map_.words() + 1);
  if (ranks_ == nullptr) return false;
  for (uint64_t i = 0; i < map_.words(); ++i) {
    ranks_[i] = count_;
    count_ += base::count_bits(lost.words()[i]);
  }
  leaks_ = scratch.take<Leak>(count_ + uint64_t{1});
  stack_ = scratch.take<uint32_t>(count_ + uint64_t{1});
  pointed_.use(scratch.take<uint64_t>(count_ / 64 + 1));
  done_.use(scratch.take<uint64_t>(count_ / 64 + 1));
  if (leaks_ == nullptr || stack_ == nullptr || pointed_.words() == nullptr || done_.words() == nullptr)
    return false;
  uint32_t index = 0;
  for (uint64_t i = 0; i < map_.words(); ++i) {
    for (uint64_t bits = lost.words()[i]; bits != 0; bits &= bits - 1, ++index) {
      const auto number = static_cast<uint32_t>(i * 64 + base::lowest_bit(bits));
      const LeakKind kind = leaked.contains(number) ? LeakKind::kDefinite : LeakKind::kDeadSlot;
      leaks_[index] = {number, kind, index, index};
    }
  }
  return true;
}

uint32_t Leaks::leak_at(uint64_t word) const {
  if (word - map_.lowest() >= map_.extent()) return kNone;
  const BlockMap::Block block = map_.find(word);
  if (block.span == nullptr || !lost_.contains(block.number)) return kNone;
  const uint64_t before = lost_.words()[block.number / 64] & base::low_bits(block.number % 64);
  return ranks_[block.number / 64] + base::count_bits(before);
}

void Leaks::for_each_target(uint32_t from, void (*visit)(uint32_t target, Visit&)) {
  const BlockMap::Block block = map_.at(leaks_[from].number);
  const uint64_t start = map_.address(*block.span, block.index);
  const uint64_t bytes = base::align_down(map_.bytes(*block.span, block.index), sizeof(uint64_t));
  struct Walk {
    Visit visit;
    void (*function)(uint32_t, Visit&);
  } walk{{this, from}, visit};
  const auto read = [](uint64_t low, uint64_t high, void* argument) LOAM_UNWATCHED {
    auto& to = *static_cast<Walk*>(argument);
    for (uint64_t at = low; at + sizeof(uint64_t) <= high; at += sizeof(uint64_t)) {
      const uint32_t target = to.visit.leaks->leak_at(word_at(at));
      if (target != kNone && target != to.visit.from) to.function(target, to.visit);
    }
  };
  readable_.visit(start, start + bytes, bytes >= kSparseBytes, read, &walk);
}

// A head that is met on the way was one of a ring, taken too early: this ring hangs on the present head.
void Leaks::adopt(uint32_t target, uint32_t from) {
  Leak& leak = leaks_[target];
  const bool other_head = leak.parent == target && target != head_;
  if (!same_side(target, from) || (done_.contains(target) && !other_head)) return;
  leak.kind = is_dead_slot(target) ? LeakKind::kDeadSlotIndirect : LeakKind::kIndirect;
  leak.parent = from;
  leak.owner = head_;
  if (done_.contains(target)) return;
  done_.insert(target);
  stack_[top_++] = target;
}

// Everything that can be reached from the head and belongs to nobody yet.
void Leaks::spread(uint32_t head) {
  head_ = head;
  done_.insert(head);
  stack_[top_++] = head;
  const auto take = [](uint32_t target, Visit& visit) { visit.leaks->adopt(target, visit.from); };
  while (top_ > 0) for_each_target(stack_[--top_], take);
}

void Leaks::connect() {
  const auto note = [](uint32_t target, Visit& visit) {
    if (visit.leaks->same_side(target, visit.from)) visit.leaks->pointed_.insert(target);
  };
  for (uint32_t i = 0; i < count_; ++i) for_each_target(i, note);
  for (uint32_t i = 0; i < count_; ++i) {
    if (!pointed_.contains(i)) spread(i);
  }
  for (uint32_t i = 0; i < count_; ++i) {
    if (!done_.contains(i)) spread(i);
  }
  for (uint32_t i = 0; i < count_; ++i) {
    uint32_t owner = leaks_[i].owner;
    while (leaks_[owner].owner != owner) owner = leaks_[owner].owner;
    leaks_[i].owner = owner;
  }
}

}  // namespace loam::scan

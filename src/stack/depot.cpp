#include "stack/depot.hpp"

#include "meta/arena.hpp"

namespace loam::stack {

constinit Depot depot;

namespace {

// The outermost "record" of a stack says how it ended.
constexpr Id kRoots = 4;

constexpr Id root_of(Ending ending) { return 1 + static_cast<Id>(ending); }
constexpr Ending ending_of(Id root) { return static_cast<Ending>(root - 1); }

}  // namespace

Depot::Entering::Entering(Depot& into, Ending ending) : depot_(into), outer_(root_of(ending)) {}

void Depot::Entering::close() {
  if (outer_ != kNoStack) outer_ = depot_.enter(outer_, frames_, count_);
  count_ = 0;
}

uint32_t Depot::hash_of(Id outer, const Frame* frames, uint32_t count) {
  uint64_t hash = outer * 0xff51afd7ed558ccdu;
  for (uint32_t i = 0; i < count; ++i) {
    hash = (hash ^ frames[i].word()) * 0x9e3779b97f4a7c15u;
    hash ^= hash >> 29;
  }
  return static_cast<uint32_t>(hash >> 32);
}

// Units are given out of pieces in order. A record that does not fit into the rest of a piece begins the next one.
Id Depot::allocate(uint32_t count) {
  const uint64_t bytes = sizeof(Record) - (kRun - count) * sizeof(Frame);
  const auto units = static_cast<uint32_t>((bytes + (1u << kUnitBits) - 1) >> kUnitBits);
  uint64_t at = next_unit_.load(std::memory_order_relaxed);
  for (;;) {
    uint64_t start = at < kRoots + 1 ? kRoots + 1 : at;
    if (start % kUnitsPerPiece + units > kUnitsPerPiece)
      start = (start / kUnitsPerPiece + 1) * kUnitsPerPiece;
    const uint64_t piece = start / kUnitsPerPiece;
    if (piece >= kMaxPieces) return kNoStack;
    if (pieces_[piece].load(std::memory_order_acquire) == nullptr) {
      auto* made = static_cast<char*>(meta::arena.allocate(size_t{1} << kPieceBits));
      if (made == nullptr) return kNoStack;
      char* none = nullptr;
      // Whoever comes second leaves his piece unused: as many as threads meet here, and only once a piece.
      if (pieces_[piece].compare_exchange_strong(none, made, std::memory_order_acq_rel))
        pieces_made_.fetch_add(1, std::memory_order_relaxed);
    }
    if (next_unit_.compare_exchange_weak(at, start + units, std::memory_order_relaxed))
      return static_cast<Id>(start);
  }
}

// Searches the chain of a bucket from one record to before another, both ids; 0 ends it.
Id Depot::find(Id from, Id until, uint32_t hash, Id outer, const Frame* frames, uint32_t count) const {
  for (Id id = from; id != until && id != kNoStack; id = record(id)->next) {
    const Record& candidate = *record(id);
    if (candidate.hash != hash || candidate.outer != outer || candidate.count != count) continue;
    bool equal = true;
    for (uint32_t i = 0; equal && i < count; ++i)
      equal = candidate.frames[i].word() == frames[count - 1 - i].word();
    if (equal) return id;
  }
  return kNoStack;
}

Id Depot::enter(Id outer, const Frame* frames, uint32_t count) {
  const uint32_t hash = hash_of(outer, frames, count);
  std::atomic<Id>& bucket = buckets_[hash >> (32 - kBucketBits)];
  Id head = bucket.load(std::memory_order_acquire);
  Id found = find(head, kNoStack, hash, outer, frames, count);
  if (found != kNoStack) return found;
  const Id id = allocate(count);
  if (id == kNoStack) return kNoStack;
  Record& made = *record(id);
  made.outer = outer;
  made.hash = hash;
  made.count = static_cast<uint16_t>(count);
  const uint32_t depth = count + (outer > kRoots ? record(outer)->depth : 0);
  made.depth = static_cast<uint16_t>(depth < 0xffff ? depth : 0xffff);
  for (uint32_t i = 0; i < count; ++i) made.frames[i] = frames[count - 1 - i];
  for (;;) {
    made.next = head;
    const Id seen = head;
    if (bucket.compare_exchange_weak(head, id, std::memory_order_acq_rel, std::memory_order_acquire)) break;
    // Somebody else was faster: with the same frames?
    found = find(head, seen, hash, outer, frames, count);
    if (found != kNoStack) return found;
  }
  records_.fetch_add(1, std::memory_order_relaxed);
  return id;
}

Resolved Depot::resolve(Id id, Frame* buffer, uint32_t capacity) const {
  Resolved out;
  if (id == kNoStack) return out;
  while (id > kRoots) {
    const Record& at = *record(id);
    for (uint32_t i = 0; i < at.count; ++i, ++out.depth) {
      if (out.count < capacity) buffer[out.count++] = at.frames[i];
    }
    id = at.outer;
  }
  out.ending = ending_of(id);
  return out;
}

}  // namespace loam::stack

#include "stack/memo.hpp"

#include <atomic>
#include <cstring>

#include "meta/arena.hpp"
#include "stack/builder.hpp"
#include "stack/memo_parts.hpp"
#include "stack/modules.hpp"

namespace loam::stack {

namespace {

constexpr unsigned kMaxLooks = 64;
constexpr unsigned kMaxSteps = 4096;  // segments in a stack
constexpr uint32_t kGrowth = 8;
constexpr uint64_t kPage = 4096;

uint64_t spread(uint64_t word) {
  word *= 0x9e3779b97f4a7c15u;
  return word ^ word >> 32;
}

uint64_t hash_of(const Node* base, int at, uint64_t word) {
  return spread(spread(reinterpret_cast<uint64_t>(base) + static_cast<uint64_t>(static_cast<int64_t>(at))) ^
                word);
}

uint64_t hash_of(const Node* node) { return hash_of(node->base, node->at, node->word); }
uint64_t hash_of(const Segment* segment) { return segment->hash; }

// The oldest successor that has the same words before that one.
Node* base_at(Node* node, int at) {
  while (node->base != nullptr && at <= node->at) node = node->base;
  return node;
}

// Whether a stack with that rbp may be kept below the node: all that lead there were found by the same rbp, or do not depend on it.
// A stack with another one may match the node all the same; if it were kept below, two nodes would send each other's stacks back
// for ever.
bool belongs_below(const Node* node, uint64_t bp) {
  for (; node != nullptr; node = node->base) {
    if (node->segment->needs_bp && node->segment->bp_expected != bp) return false;
    if (node->base != nullptr && node->at == kAtBp) return node->word == bp;
  }
  return true;
}

// The word of a node at a spot, if it has one there.
bool has_word(const Node* node, int at, uint64_t word) {
  const Segment& segment = *node->segment;
  if (at == kAtBp) return segment.needs_bp && segment.bp_expected == word;
  return static_cast<unsigned>(at) < segment.word_count && segment.words[at].expected == word;
}

// Remembers that a word told successors of the node apart: the innermost one of all is looked at first, one further out for those
// that do not differ there.
void note_difference(Node& inner, Node& tried, const Word& word) {
  if (inner.probe == 0 || word.offset < inner.probe) {
    inner.probe = word.offset;
    inner.is_relative = word.relative != 0;
  } else if (word.offset > inner.probe && (tried.sibling_probe == 0 || word.offset < tried.sibling_probe)) {
    tried.sibling_probe = word.offset;
    tried.sibling_relative = word.relative != 0;
  }
}

void take_over_probe(Node& node, const Node& sibling) {
  if (node.sibling_probe != 0) return;
  node.sibling_probe = sibling.sibling_probe;
  node.sibling_relative = sibling.sibling_relative;
}

// For the eyes of a signal handler on the same thread.
void set(bool& flag, bool value) {
  std::atomic_signal_fence(std::memory_order_seq_cst);
  __atomic_store_n(&flag, value, __ATOMIC_RELAXED);
  std::atomic_signal_fence(std::memory_order_seq_cst);
}

}  // namespace

void* Memo::take(size_t bytes) {
  bytes = (bytes + 15) & ~size_t{15};
  if (piece_count_ == 0 || piece_used_ + bytes > kPieceBytes) {
    const uint32_t next_piece = piece_count_ == 0 ? 0 : piece_ + 1;
    if (next_piece == piece_count_) {
      if (piece_count_ == kMaxPieces) return nullptr;
      pieces_[piece_count_] = static_cast<char*>(meta::arena.allocate(kPieceBytes));
      if (pieces_[piece_count_] == nullptr) return nullptr;
      ++piece_count_;
    }
    piece_ = next_piece;
    piece_used_ = 0;
  }
  void* taken = pieces_[piece_] + piece_used_;
  piece_used_ += bytes;
  return taken;
}

// Forgets everything, but keeps the memory.
void Memo::forget() {
  ++counts_.forgotten;
  piece_ = 0;
  piece_used_ = 0;
  std::memset(roots_, 0, sizeof roots_);
  counts_.nodes = counts_.segments = 0;
  generation_ = module_generation();
  for (Node*& oracle : oracles_) oracle = nullptr;
  traces_.forget();
  full_ = !make_table(nodes_, kFirstBuckets) || !make_table(segments_, kFirstBuckets);
}

bool Memo::make_table(Table& table, uint32_t size) {
  const uint32_t part = size < kBucketsPerPart ? size : kBucketsPerPart;
  Table made{};
  for (uint32_t i = 0; i * part < size; ++i) {
    made.parts[i] = static_cast<void**>(take(part * sizeof(void*)));
    if (made.parts[i] == nullptr) return false;
    for (uint32_t k = 0; k < part; ++k) made.parts[i][k] = nullptr;
  }
  made.size = size;
  table = made;
  return true;
}

// Enters an item by its hash. A full table is made anew, eight times larger; the old one's memory is lost until all is forgotten.
template <class Item>
void Memo::enter_table(Table& table, Item* item) {
  Table old = table;
  if (table.used == table.size && table.size < kMaxBuckets && make_table(table, table.size * kGrowth)) {
    table.used = old.used;
    const uint32_t part = old.size < kBucketsPerPart ? old.size : kBucketsPerPart;
    for (uint32_t i = 0; i < old.size; ++i) {
      auto* moved = static_cast<Item*>(old.parts[i / part][i % part]);
      while (moved != nullptr) {
        Item* const after = moved->next;
        void** head = bucket(table, hash_of(moved));
        moved->next = static_cast<Item*>(*head);
        *head = moved;
        moved = after;
      }
    }
  }
  void** head = bucket(table, hash_of(item));
  item->next = static_cast<Item*>(*head);
  *head = item;
  ++table.used;
}

void** Memo::bucket(const Table& table, uint64_t hash) {
  const uint64_t index = hash & (table.size - 1);
  return &table.parts[index / kBucketsPerPart][index % kBucketsPerPart];
}

// Where captures start: as many places as there are functions of the runtime that capture, times those that call them.
inline Node* Memo::root(uint64_t pc, uint64_t own) {
  const uint64_t first = (pc ^ pc >> 7) + own;
  const Root& root = roots_[first % kRoots];
  if (root.pc == pc && root.own == own && root.node != nullptr) [[likely]]
    return root.node;
  return find_root(pc, own, first);
}

[[gnu::noinline]] Node* Memo::find_root(uint64_t pc, uint64_t own, uint64_t first) {
  for (unsigned i = 0; i < kRoots; ++i) {
    Root& root = roots_[(first + i) % kRoots];
    if (root.pc == pc && root.own == own && root.node != nullptr) return root.node;
    if (root.node != nullptr) continue;
    auto* node = static_cast<Node*>(take(sizeof(Node)));
    if (node == nullptr) break;
    *node = Node{};
    node->word = pc;
    root = {pc, own, node};
    return node;
  }
  full_ = true;
  return nullptr;
}

Segment* Memo::intern(const Builder& builder) {
  const uint64_t hash = builder.hash();
  for (auto* segment = static_cast<Segment*>(*bucket(segments_, hash)); segment != nullptr;
       segment = segment->next) {
    if (segment->hash == hash && builder.equals(*segment)) return segment;
  }
  auto* segment = static_cast<Segment*>(take(builder.bytes()));
  if (segment == nullptr) return nullptr;
  builder.copy(*segment);
  segment->hash = hash;
  enter_table(segments_, segment);
  ++counts_.segments;
  return segment;
}

// A successor that was not met before, built from rows.
Node* Memo::extend(Node* inner, const Branch& branch, const Spot& spot) {
  const uint64_t pc = inner->segment == nullptr ? inner->word : inner->segment->outer_pc;
  Builder builder(pc, spot.sp, *spot.bp, spot.boundary, memory_);
  ++counts_.built;
  if (!builder.run()) return nullptr;
  Segment* segment = intern(builder);
  auto* node = segment == nullptr ? nullptr : static_cast<Node*>(take(sizeof(Node)));
  if (node == nullptr) {
    full_ = true;
    return nullptr;
  }
  *node = Node{};
  node->segment = segment;
  node->base = branch.base;
  node->at = static_cast<int16_t>(branch.at);
  node->word = branch.word;
  node->inner = inner;
  node->own = spot.sp < spot.boundary;
  if (branch.base != nullptr) enter_table(nodes_, node);
  ++counts_.nodes;
  return inner->child = node;
}

// The word at a place outside of the stack pointer. That the place is a part of this stack is not proved yet, so it must lie on
// the page of the stack pointer, where the next return address is, or further out, or on those that earlier captures have read.
[[gnu::no_sanitize_address]] inline bool Memo::probed(uint32_t place, bool relative, const Spot& spot,
                                                      uint64_t& word) const {
  const uint64_t address = spot.sp + place;
  if (place == 0 || (((address + 7) ^ spot.sp) >= kPage && !memory_.holds(address))) return false;
  word = *reinterpret_cast<const uint64_t*>(address) - (relative ? spot.sp : 0);
  return true;
}

inline Node*& Memo::oracle(uint64_t key) const { return oracles_[spread(key) % kOracles]; }

// The successor that was taken last when the stack had the same word in the place that told successors of this node apart
// before, and, if several have that word, the same in the place that tells these apart. Null if there is none.
inline Node* Memo::foretell(const Node* inner, const Spot& spot) const {
  uint64_t first;
  if (!probed(inner->probe, inner->is_relative, spot, first)) return nullptr;
  const uint64_t key = first ^ reinterpret_cast<uint64_t>(inner);
  Node* said = oracle(key);
  if (said == nullptr || said->inner != inner) return nullptr;
  uint64_t second;
  if (!probed(said->sibling_probe, said->sibling_relative, spot, second)) return said;
  Node* sibling = oracle(key + spread(second));
  return sibling != nullptr && sibling->inner == inner ? sibling : said;
}

inline void Memo::learn(const Node* inner, Node* child, const Spot& spot) {
  uint64_t word;
  if (!probed(inner->probe, inner->is_relative, spot, word)) return;
  const uint64_t key = word ^ reinterpret_cast<uint64_t>(inner);
  oracle(key) = child;
  if (probed(child->sibling_probe, child->sibling_relative, spot, word)) oracle(key + spread(word)) = child;
}

// The successor for this stack when the one foretold is not it.
Node* Memo::choose(Node* inner, Node* node, const Spot& spot) {
  const uint64_t bp = *spot.bp - spot.sp;
  int from = 0;
  // Each look-up leads to a node that agrees in one more word, or in rbp.
  for (unsigned looks = 0; looks < kMaxLooks; ++looks) {
    const Difference found = difference(*node->segment, spot, from);
    if (found.at == kNowhere) return inner->child = node;
    ++counts_.lookups;
    const int at = belongs_below(node, bp) ? found.at : kAtBp;
    Node* const tried = node;
    if (at >= 0) note_difference(*inner, *node, node->segment->words[at]);
    Node* base = base_at(node, at);
    const uint64_t word = at == kAtBp ? bp : found.word;
    node = has_word(base, at, word) ? base : find_node(base, at, word);
    if (node == nullptr) {
      node = extend(inner, {base, at, word}, spot);
      if (node != nullptr) take_over_probe(*node, *tried);
      return node;
    }
    take_over_probe(*node, *tried);
    from = at == kAtBp ? 0 : at + 1;
  }
  return nullptr;
}

Node* Memo::find_node(const Node* base, int at, uint64_t word) const {
  auto* node = static_cast<Node*>(*bucket(nodes_, hash_of(base, at, word)));
  while (node != nullptr && (node->base != base || node->at != at || node->word != word)) node = node->next;
  return node;
}

// Enters the stack that ends at the node, into the depot.
Id Memo::enter(const Node* outermost) {
  ++counts_.entered;
  Depot::Entering entering(depot, Ending::kComplete);
  for (const Node* node = outermost; node->segment != nullptr && !node->own; node = node->inner) {
    const Frame* frames = node->segment->frames();
    for (unsigned i = node->segment->frame_count; i > 0; --i) entering.add(frames[i - 1]);
  }
  return entering.finish();
}

[[gnu::always_inline]] inline const Node* Memo::recall(const Registers& start, const void* inside) {
  if (full_ || nodes_.size == 0 || generation_ != module_generation()) forget();
  memory_.settle(start.sp());
  Spot spot{start.sp(), &start.value[kRbp], reinterpret_cast<uint64_t>(inside)};
  Node* node = full_ ? nullptr : root(start.pc(), inside == nullptr ? 0 : spot.boundary - spot.sp);
  if (node == nullptr) return nullptr;
  for (unsigned steps = 0; steps < kMaxSteps; ++steps) {
    Node* child = foretell(node, spot);
    if (child == nullptr) child = node->child;
    if (child == nullptr) {
      child = extend(node, {nullptr, kNowhere, 0}, spot);
    } else if (difference(*child->segment, spot, 0).at != kNowhere) [[unlikely]] {
      child = choose(node, child, spot);
      if (child != nullptr) learn(node, child, spot);
    }
    if (child == nullptr) return nullptr;
    const Segment& segment = *child->segment;
    if (segment.saves_bp) spot.bp = reinterpret_cast<const uint64_t*>(spot.sp + segment.bp_offset);
    spot.sp += segment.size;
    node = child;
    if (segment.ends) {
      if (node->id == kNoStack) node->id = enter(node);
      return node->id == kNoStack ? nullptr : node;
    }
  }
  return nullptr;
}

[[gnu::noinline]] const Node* Memo::recall_again(const Registers& start, const void* inside) {
  const Node* found = full_ ? recall(start, inside) : nullptr;  // with all forgotten
  if (found == nullptr) ++counts_.refused;
  return found;
}

[[gnu::noinline]] void Memo::keep_trace(const Traces::Slot& slot, const Registers& start,
                                        const Node* outermost) {
  constexpr unsigned kStep = 4;
  if (!traces_.wants(slot, start)) return;
  alignas(Trace::Quad) char room[Trace::bytes_for(Trace::kMostQuads)];
  auto* draft = reinterpret_cast<Trace*>(room);
  const unsigned quads = draft->compose(start, slot.own, outermost);
  Trace*& kept = *slot.trace;
  if (kept == nullptr || kept->capacity < quads) {
    draft->capacity = static_cast<uint8_t>((quads + kStep - 1) / kStep * kStep);
    auto* taken = static_cast<Trace*>(take(Trace::bytes_for(draft->capacity)));
    if (taken == nullptr) return;
    kept = taken;
  } else {
    draft->capacity = kept->capacity;
  }
  if (quads == 0) draft->pc = 0;
  std::memcpy(static_cast<void*>(kept), room, Trace::bytes_for(quads));
}

// Where no trace serves.
[[gnu::noinline]] Id Memo::capture_by_nodes(const Registers& start, const void* inside,
                                            const Traces::Slot& slot) {
  const Node* found = recall(start, inside);
  if (found == nullptr) [[unlikely]]
    found = recall_again(start, inside);
  if (found == nullptr) return kNoStack;
  if (slot.trace != nullptr) keep_trace(slot, start, found);
  return found->id;
}

Id Memo::capture(const Registers& start, const void* inside) {
  if (busy_) return kNoStack;
  set(busy_, true);
  ++counts_.captures;
  const Traces::Slot slot = traces_.slot_of(start, inside);
  const Trace* trace = slot.trace == nullptr ? nullptr : *slot.trace;
  Id id;
  if (trace != nullptr && generation_ == module_generation() && !full_ && trace->matches(start, slot.own)) {
    ++counts_.traced;
    id = trace->id;
  } else {
    id = capture_by_nodes(start, inside, slot);
  }
  set(busy_, false);
  return id;
}

}  // namespace loam::stack

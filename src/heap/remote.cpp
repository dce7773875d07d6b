#include "heap/remote.hpp"

#include "heap/registry.hpp"
#include "heap/stack.hpp"
#include "sys/cpu.hpp"

namespace loam::heap {

namespace {

// A parcel is posted when it is full or holds this much: big blocks must not wait for a hundred others.
constexpr uint32_t kPostBytes = 64u << 10;

void post(Parcel* parcel) {
  ThreadHeap* owner = parcel->owner;
  owner->inbox.push(parcel);
  // Nobody drains an orphan's inbox but those who free into it.
  if (owner->state.load(std::memory_order_relaxed) == HeapState::kOrphan) drain_orphan(*owner);
}

// Takes one block back. The owner may have changed since the sender looked: then the block goes on to the new one.
void receive(ThreadHeap& heap, void* block) {
  Span* span = page_map.find(block);
  if (span == nullptr || span->kind != SpanKind::kSmall) {  // the span went empty and away: freed twice
    if (span != nullptr) raise_fault(describe_double(*span, block));
    return;
  }
  if (__atomic_load_n(&span->owner, __ATOMIC_ACQUIRE) != &heap) {
    push_stray(*span, block);
    return;
  }
  // Freed twice too if it is no block's start any more: its span went, and one of another class stands there now.
  const auto [index, rest] = block_index(*span, block);
  if (rest != 0 || !is_free(*span, index)) {
    raise_fault(describe_double(*span, block));
    return;
  }
  take_back(heap, *span, index);
}

}  // namespace

Fault describe_double(const Span& span, const void* block) {
  Fault fault = {FaultKind::kDoubleFree,
                 block,
                 block,
                 span.block_size,
                 span.start,
                 size_t{span.slices} * meta::kSlice,
                 false};
  if (span.kind != SpanKind::kSmall) {
    // The span is gone; what stood in these slices is known by size only.
    fault.span = page_map.address_of(page_map.slice_of(block));
    fault.span_size = meta::kSlice;
  }
  return fault;
}

void send_home(ThreadHeap& heap, Span& span, void* block) {
  ThreadHeap* owner = __atomic_load_n(&span.owner, __ATOMIC_ACQUIRE);
  // No span of small blocks any more: two threads freed the block at once, and the other's came home before.
  if (owner == nullptr) [[unlikely]] {
    raise_fault(describe_double(span, block));
    return;
  }
  Parcel*& slot = heap.outgoing[owner->id % ThreadHeap::kOutgoing];
  if (slot == nullptr || slot->owner != owner) {
    if (slot != nullptr) post(slot);
    slot = take_parcel(owner);
    if (slot == nullptr) {
      push_stray(span, block);
      return;
    }
  }
  Parcel* parcel = slot;
  parcel->add(block, span.block_size);
  if (parcel->count < Parcel::kItems && parcel->bytes < kPostBytes) return;
  slot = nullptr;
  post(parcel);
}

void push_stray(Span& span, void* block) {
  __atomic_load_n(&span.owner, __ATOMIC_ACQUIRE)->strays.push(static_cast<Stray*>(block));
}

bool send_stray(Span& span, void* block) {
  const BlockIndex at = block_index(span, block);
  if (at.rest != 0) return false;
  if (__atomic_exchange_n(&span.states[at.index], kBlockFree, __ATOMIC_ACQ_REL) < kBlockWatched) return false;
  push_stray(span, block);
  return true;
}

void post_all(ThreadHeap& heap) {
  for (Parcel*& slot : heap.outgoing) {
    if (slot != nullptr) post(slot);
    slot = nullptr;
  }
}

void drain(ThreadHeap& heap) {
  for (Parcel* parcel = heap.inbox.take_all(); parcel != nullptr;) {
    Parcel* next = parcel->next;
    for (uint32_t i = 0; i < parcel->count; ++i) receive(heap, parcel->items[i]);
    parcel_pool.push(parcel);
    parcel = next;
  }
  for (Stray* stray = heap.strays.take_all(); stray != nullptr;) {
    Stray* next = stray->next;
    receive(heap, stray);
    stray = next;
  }
}

}  // namespace loam::heap

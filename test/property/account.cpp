#include "property/account.hpp"

#include <unordered_map>
#include <unordered_set>

#include "base/bits.hpp"
#include "heap/registry.hpp"
#include "heap/remote.hpp"
#include "heap/walk.hpp"

namespace loam::property {

namespace {

struct Account {
  std::unordered_map<const heap::Span*, uint64_t> in_stacks;
  std::unordered_set<const char*> seen;
  std::string wrong;
};

// A block that was sent to an owner which has changed goes on to the next: until none is under way.
void send_all_home() {
  for (bool under_way = true; under_way;) {
    for (heap::ThreadHeap* heap = heap::first_heap(); heap != nullptr; heap = heap->next_heap)
      heap::post_all(*heap);
    under_way = false;
    for (heap::ThreadHeap* heap = heap::first_heap(); heap != nullptr; heap = heap->next_heap) {
      under_way = under_way || !heap->inbox.empty() || !heap->strays.empty();
      heap::drain(*heap);
    }
  }
}

void count_stacks(const heap::ThreadHeap& heap, Account& account) {
  for (unsigned i = 0; i < heap::kClasses; ++i) {
    const heap::Entry* bottom = &heap.entries[heap::kSizeClasses[i].entry];
    for (const heap::Entry* entry = bottom + 1; entry <= heap.stack(i).top; ++entry) {
      if (!account.seen.insert(entry->block).second) account.wrong = "a block is in two stacks";
      ++account.in_stacks[heap::page_map.find(entry->block)];
    }
  }
}

void check_span(heap::Span& span, void* argument) {
  auto& account = *static_cast<Account*>(argument);
  if (span.kind != heap::SpanKind::kSmall) return;
  uint64_t available = 0;
  for (unsigned i = 0; i < span.words(); ++i) available += base::count_bits(span.available()[i]);
  const uint64_t found = heap::count_live(span) + available + account.in_stacks[&span];
  if (found == span.blocks) return;
  account.wrong = "of a span with " + std::to_string(span.blocks) + " blocks of " +
                  std::to_string(span.block_size) + " bytes " + std::to_string(found) +
                  " are live, available, or in a stack";
}

}  // namespace

std::string settle_accounts() {
  send_all_home();
  Account account;
  for (const heap::ThreadHeap* heap = heap::first_heap(); heap != nullptr; heap = heap->next_heap)
    count_stacks(*heap, account);
  heap::for_each_span(check_span, &account);
  return account.wrong;
}

}  // namespace loam::property

#include "lib/gc/finalize.hpp"

#include "lib/gc/heap.hpp"
#include "lib/gc/thread.hpp"

namespace loam::collector {

constinit Finalizers finalizers;

namespace {

using Notifier = void (*)();
constinit Notifier notifier = nullptr;

bool unreached(uint64_t address) { return space.is_open(space.find(address)); }

}  // namespace

bool Finalizers::set(uint64_t object, Finalizer function, void* data, Order order, Finalizer* old_function,
                     void** old_data) {
  const ObjectEntry* found = objects_.find(object);
  if (old_function != nullptr) *old_function = found != nullptr ? found->function : nullptr;
  if (old_data != nullptr) *old_data = found != nullptr ? found->data : nullptr;
  if (function == nullptr) {
    objects_.erase(object);
    return true;
  }
  ObjectEntry* entry = objects_.insert(object);
  if (entry == nullptr) return false;
  entry->function = function;
  entry->data = data;
  entry->order = order;
  return true;
}

void Finalizers::forget_object(uint64_t object) { objects_.erase(object); }

Finalizers::Added Finalizers::add_link(uint64_t link, uint64_t object, bool is_long) {
  Table<LinkEntry>& links = is_long ? long_links_ : links_;
  const bool again = links.find(link) != nullptr;
  LinkEntry* entry = links.insert(link);
  if (entry == nullptr) return Added::kNoMemory;
  entry->object = object;
  return again ? Added::kAgain : Added::kNew;
}

bool Finalizers::remove_link(uint64_t link, bool is_long) {
  Table<LinkEntry>& links = is_long ? long_links_ : links_;
  if (links.find(link) == nullptr) return false;
  links.erase(link);
  return true;
}

int Finalizers::move_link(uint64_t link, uint64_t new_link, bool is_long) {
  Table<LinkEntry>& links = is_long ? long_links_ : links_;
  const LinkEntry* found = links.find(link);
  if (found == nullptr) return 1;
  if (links.find(new_link) != nullptr) return link == new_link ? 0 : 2;
  const uint64_t object = found->object;
  links.erase(link);
  LinkEntry* entry = links.insert(new_link);
  if (entry != nullptr) entry->object = object;
  return 0;
}

void Finalizers::mark_data(Marker& marker) {
  objects_.for_each(
      [&](const ObjectEntry& entry) { marker.add_word(reinterpret_cast<uint64_t>(entry.data)); });
  for (const Thread* thread = threads.first(); thread != nullptr; thread = thread->next) {
    if (!thread->used) continue;
    for (uint64_t word : thread->held) marker.add_word(word);
  }
  queue_.for_each([&](const DueEntry& entry) {
    marker.add_word(entry.due.object);
    marker.add_word(reinterpret_cast<uint64_t>(entry.due.data));
  });
}

// A link in an object that is not reached goes with it, but is cleared first if it is that object's own: its finalizer looks.
void Finalizers::clear_links(Table<LinkEntry>& links) {
  links.sweep([](const LinkEntry& entry) {
    if (!unreached(entry.object)) return unreached(entry.key) || !space.is_live(space.find(entry.object));
    *reinterpret_cast<uint64_t*>(entry.key) = 0;
    return true;
  });
}

void Finalizers::mark_what_ordered_lead_to(Marker& marker) {
  objects_.for_each([&](const ObjectEntry& entry) {
    if (entry.order != Order::kOrdered && entry.order != Order::kIgnoreSelf) return;
    const Slot slot = space.find(entry.key);
    if (!space.is_open(slot)) return;
    uint64_t* word = &space.marks(slot.block)[slot.index / 64].open;
    const uint64_t bit = uint64_t{1} << (slot.index % 64);
    // Its pointers to itself are not seen while it is not open.
    if (entry.order == Order::kIgnoreSelf) *word &= ~bit;
    marker.add_content(slot);
    if (entry.order == Order::kIgnoreSelf) {
      *word |= bit;
    }
    marker.drain();
  });
}

bool Finalizers::enqueue(const ObjectEntry& entry) {
  DueEntry* due = queue_.insert(next_due_);
  if (due == nullptr) return false;
  due->due = {entry.key, entry.function, entry.data};
  ++next_due_;
  due_count_.fetch_add(1, std::memory_order_relaxed);
  return true;
}

// Of objects not reached. Without memory they stay as they are until the next collection.
void Finalizers::make_due(Marker& marker, bool unreachable) {
  const uint64_t first = next_due_;
  objects_.sweep([&](const ObjectEntry& entry) {
    return (entry.order == Order::kUnreachable) == unreachable && unreached(entry.key) && enqueue(entry);
  });
  for (uint64_t number = first; number < next_due_; ++number) {
    const DueEntry* entry = queue_.find(number);
    if (entry != nullptr) marker.add_word(entry->due.object);
  }
  marker.drain();
}

void Finalizers::after_marking(Marker& marker) {
  clear_links(links_);
  mark_what_ordered_lead_to(marker);
  make_due(marker, false);
  make_due(marker, true);
  // Those that could not be queued.
  objects_.for_each([&](const ObjectEntry& entry) { marker.add_word(entry.key); });
  marker.drain();
  clear_links(long_links_);
}

void Finalizers::make_all_due() {
  objects_.sweep([&](const ObjectEntry& entry) { return enqueue(entry); });
}

bool Finalizers::take_due(Due* due) {
  const DueEntry* entry = nullptr;
  while (first_due_ < next_due_ && entry == nullptr) entry = queue_.find(first_due_++);
  if (entry == nullptr) return false;
  *due = entry->due;
  queue_.erase(entry->key);
  due_count_.fetch_sub(1, std::memory_order_relaxed);
  return true;
}

unsigned run_finalizers() {
  Thread* self = current != nullptr ? current : threads.join(0);
  for (unsigned count = 0;; ++count) {
    Finalizers::Due due;
    if (self == nullptr) return count;
    // A finalizer may run others.
    const uint64_t before[2] = {self->held[0], self->held[1]};
    {
      const sys::LockGuard guard(heap.lock);
      if (!finalizers.take_due(&due)) return count;
      self->held[0] = due.object;
      self->held[1] = reinterpret_cast<uint64_t>(due.data);
    }
    due.function(reinterpret_cast<void*>(due.object), due.data);
    self->held[0] = before[0];
    self->held[1] = before[1];
  }
}

void set_finalizer_notifier(void (*notify)()) { notifier = notify; }
void (*finalizer_notifier())() { return notifier; }

void run_finalizers_automatically() {
  Thread* self = current;
  if (self == nullptr || self->in_finalizers) return;
  if (heap.settings.finalize_on_demand) {
    if (notifier != nullptr) notifier();
    return;
  }
  self->in_finalizers = true;
  run_finalizers();
  self->in_finalizers = false;
}

}  // namespace loam::collector

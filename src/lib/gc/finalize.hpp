// What happens to objects that can no longer be reached: finalizers, and links that are set to null.
//
// Order, at the end of each collection's marking: short links of objects not reached are cleared; then objects that only another
// object with an ordered finalizer leads to count as reached (so one that leads to itself through others is never finalized); the
// finalizers of what is left are due, and everything that their objects lead to stays for one more collection; then
// long links of what is still not reached are cleared.
// Finalizers run after the collection, outside the lock, on the thread that collected, or when asked for.
// Locking: the collector's lock, but for due() and the functions that say otherwise.
#pragma once

#include <atomic>
#include <cstdint>

#include "lib/gc/marker.hpp"
#include "lib/gc/table.hpp"

namespace loam::collector {

using Finalizer = void (*)(void* object, void* data);

enum class Order : uint8_t {
  kOrdered,      // after everything that leads to the object
  kIgnoreSelf,   // the same, but the object may lead to itself directly
  kNone,         // whenever it is not reached, whatever leads to it
  kUnreachable,  // as kNone, and after the finalizers of kNone's have been found: not even they lead to it
};

class Finalizers {
 public:
  // A null function takes the finalizer away. What was there before is told. Returns false without memory.
  bool set(uint64_t object, Finalizer function, void* data, Order order, Finalizer* old_function,
           void** old_data);
  void forget_object(uint64_t object);
  uint64_t count() const { return objects_.count(); }

  // `*link` holds a pointer to the object and is no root by itself.
  enum class Added : uint8_t { kNew, kAgain, kNoMemory };
  Added add_link(uint64_t link, uint64_t object, bool is_long);
  bool remove_link(uint64_t link, bool is_long);
  // Returns 0 if the link has moved, 1 if there was none, 2 if the new one is taken.
  int move_link(uint64_t link, uint64_t new_link, bool is_long);

  // The roots that lie in the tables themselves.
  void mark_data(Marker& marker);
  void after_marking(Marker& marker);

  bool due() const { return due_count_.load(std::memory_order_relaxed) != 0; }
  // All objects' finalizers, reached or not, as at the end of a program.
  void make_all_due();
  struct Due {
    uint64_t object;
    Finalizer function;
    void* data;
  };
  bool take_due(Due* due);

 private:
  struct ObjectEntry {
    uint64_t key;  // the object
    Finalizer function;
    void* data;
    Order order;
  };
  struct LinkEntry {
    uint64_t key;  // the link's address
    uint64_t object;
  };
  struct DueEntry {
    uint64_t key;  // its number
    Due due;
  };

  void clear_links(Table<LinkEntry>& links);
  void mark_what_ordered_lead_to(Marker& marker);
  void make_due(Marker& marker, bool unreachable);
  bool enqueue(const ObjectEntry& entry);

  Table<ObjectEntry> objects_;
  Table<LinkEntry> links_;
  Table<LinkEntry> long_links_;
  Table<DueEntry> queue_;
  uint64_t first_due_ = 1;
  uint64_t next_due_ = 1;
  std::atomic<uint64_t> due_count_{0};
};

extern constinit Finalizers finalizers;

// Runs what is due, on this thread, without the lock. Returns how many.
unsigned run_finalizers();
// The same after a collection: unless the program runs them itself, or this thread is just doing so.
void run_finalizers_automatically();
// Told when there is something to run that the program runs itself. May be null.
void set_finalizer_notifier(void (*notify)());
void (*finalizer_notifier())();

}  // namespace loam::collector

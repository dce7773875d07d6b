// A collection: stop the world, take whatever is live for open, mark from the roots, settle finalizers, clear the live bits of what
// is still open, let the world go on. No memory of dead objects is touched.
// Locking: the collector's lock is held by the caller throughout.
#pragma once

#include <cstdint>

#include "lib/gc/allocate.hpp"
#include "lib/gc/marker.hpp"

namespace loam::collector {

enum class Reason : uint8_t { kGrowth, kMemory, kAsked };

// Whether the program wants no collection now but those that it asks for itself.
bool is_forbidden();
// How many bytes are allocated between two collections.
uint64_t growth_to_collection();
// Whether the heap has grown so far that it is time.
bool is_due();

// Where a frame has room that nothing is written to, what earlier calls left there would be taken for pointers: what those of the collector left
// below the caller's frame is overwritten.
void clear_dead_stack();
// Requires: the world runs, the calling thread is known, no collection is going on. Does nothing without memory for
// the markers' stacks.
void collect(Reason reason);

// The parts of a collection, for one that is marked while the program runs (cycle.hpp). The first marker; the helper has a second.
extern constinit Marker marker;
// While the world stands still: stacks, data, named ranges, what finalizers work on. The caller's registers lie above `caller_stack`.
void mark_roots(Marker& to, uint64_t caller_stack);
// What is never collected. No lock.
void mark_kept(Marker& to);
// While the world stands still, when all that is reached has been read: ephemerons, finalizers, links.
void settle_unreached(Marker& to);
// What is allocated from now on counts for the next collection.
void begin_counting();
// When all is swept. `allocated`: bytes, since the collection before.
void count_swept(bool young, uint64_t allocated, const Buffered& buffered);
void tell_observer(bool begins);

// Told of the beginning and the end of each collection, under the lock. May be null.
using CollectionObserver = void (*)(bool begins);
void set_collection_observer(CollectionObserver observer);
// Called for every dead object in find-leak mode, before it is freed, while the world stands still.
using LeakObserver = void (*)(uint64_t address, uint64_t bytes);
void set_leak_observer(LeakObserver observer);
// Called while the world stands still, to mark more roots. May be null.
using MoreRoots = void (*)(class Marker& marker);
void set_more_roots(MoreRoots roots);

}  // namespace loam::collector

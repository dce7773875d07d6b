// The functions of libloam-gc.so that gc.hpp stands on. Not for direct use: they may change with the header.
// Each takes the collector's lock as far as it needs one, and may be called from any thread.
#ifndef LOAM_DETAIL_GC_INTERFACE_HPP
#define LOAM_DETAIL_GC_INTERFACE_HPP

#include <cstddef>
#include <cstdint>

extern "C" {

// The first word of an object of kTyped leads to one.
struct loam_gc_type {
  void (*trace)(void* object, void* marker);
  int owns;  // 1: may own memory outside the heap that holds pointers
};

enum loam_gc_kind { LOAM_GC_ATOMIC = 1, LOAM_GC_KEPT = 2, LOAM_GC_KEPT_ATOMIC = 3, LOAM_GC_TYPED = 4 };

struct loam_gc_statistics {
  std::uint64_t collections;
  std::uint64_t heap_bytes;
  std::uint64_t live_bytes;
  std::uint64_t live_objects;
  std::uint64_t allocated_bytes;
  std::uint64_t reclaimed_bytes;
  std::uint64_t total_pause_ns;
  std::uint64_t longest_pause_ns;
  std::uint64_t pauses[24];
};

// Null if there is no memory, after a collection.
void* loam_gc_allocate(int kind, std::size_t bytes);
void loam_gc_free(void* object);
// `where` the pointer lies: pointers outside of the heap make their object one that is looked at in every collection.
void loam_gc_mark(void* marker, const void* address, const void* where);
void loam_gc_mark_range(void* marker, const void* start, const void* end);
void loam_gc_collect(void);
void loam_gc_set_automatic(int on);
void loam_gc_set_limit(std::uint64_t bytes);
void loam_gc_set_conservative(int on);
int loam_gc_conservative(void);
void loam_gc_figures(struct loam_gc_statistics* figures);
// Returns 0 without memory.
int loam_gc_finalize(void* object, void (*function)(void*, void*), void* data, int ordered);
unsigned loam_gc_run_finalizers(void);
int loam_gc_link(void** link, const void* object);
void loam_gc_unlink(void** link);
void* loam_gc_ephemerons_new(void);
void loam_gc_ephemerons_delete(void* map);
int loam_gc_ephemerons_set(void* map, const void* key, void* value);
void* loam_gc_ephemerons_get(void* map, const void* key);
void loam_gc_ephemerons_erase(void* map, const void* key);
std::size_t loam_gc_ephemerons_size(void* map);
}

#endif

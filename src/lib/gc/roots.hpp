// Where the program can take a pointer into the collected heap from: stacks and registers of all threads, thread-local storage,
// data of all modules, ranges that it has named, objects that are never collected, and the collector's own tables.
// Memory from malloc is no root, as with other collectors: who keeps the only pointer there names the range.
// Locking: the collector's lock.
#pragma once

#include <cstdint>

#include "lib/gc/marker.hpp"
#include "lib/gc/thread.hpp"

struct dl_phdr_info;

namespace loam::collector {

struct Range {
  uint64_t start;
  uint64_t end;
};

class Roots {
 public:
  // The module that this address lies in has no pointers of the program's: the collector's own.
  void leave_out_module(const void* address) { own_ = reinterpret_cast<uint64_t>(address); }
  void set_libraries(bool on) { libraries_ = on; }
  bool libraries() const { return libraries_; }

  // Whether stacks, registers, thread-local storage and the data of modules are read: if not, only named ranges and objects that are
  // never collected are roots.
  void set_conservative(bool on) { conservative_ = on; }
  bool conservative() const { return conservative_; }

  // Returns false without memory.
  bool add(uint64_t start, uint64_t end);
  // Ranges that lie in this one are roots no longer.
  void remove(uint64_t start, uint64_t end);
  // No range and no data of the program's is a root any more, but what is added from now on, libraries and stacks.
  void clear();
  void exclude(uint64_t start, uint64_t end);
  void forget_exclusions() { excluded_count_ = 0; }
  bool contains(uint64_t address) const;

  // Looks which modules there are. Before the world stands still: who stands still may be loading one.
  void look_at_modules();
  // `caller_stack`: from where on the calling thread's stack counts; its registers lie above.
  void mark(Marker& marker, uint64_t caller_stack);

 private:
  static constexpr unsigned kMostExcluded = 64;

  struct Module {
    Range data;
    uint64_t storage_bytes;  // thread-local, 0 if none
    uint64_t storage_id;
    bool main;
  };
  struct Modules;

  static int add_module(dl_phdr_info* info, unsigned long size, void* argument);
  void mark_range(Marker& marker, uint64_t start, uint64_t end);
  void mark_stack(Marker& marker, uint64_t stack, uint64_t limit, uint64_t top);
  void mark_stack_of(Marker& marker, const Thread& thread, uint64_t stack);
  void mark_storage(Marker& marker, uint64_t thread_pointer);
  void mark_threads(Marker& marker, uint64_t caller_stack);

  uint64_t own_ = 0;
  bool libraries_ = true;
  bool main_data_ = true;
  bool conservative_ = true;
  Module* modules_ = nullptr;
  uint64_t module_count_ = 0;
  uint64_t module_room_ = 0;
  Range* ranges_ = nullptr;
  uint64_t range_count_ = 0;
  uint64_t range_room_ = 0;
  Range excluded_[kMostExcluded] = {};
  unsigned excluded_count_ = 0;
};

extern constinit Roots roots;

}  // namespace loam::collector

// Everything the runtime asks of the kernel. Every memory call is counted by kind, timed for an observer if there is one, and can
// be told to fail. All functions are async-signal-safe, keep errno, take no lock, and answer 0 or null on success or
// failure as said. The counters are process-wide relaxed atomics.
#pragma once

#include <cstddef>
#include <cstdint>

namespace loam::sys {

enum class Call : uint8_t {
  kMap,
  kUnmap,
  kRemap,
  kPurge,   // MADV_DONTNEED
  kAdvise,  // MADV_HUGEPAGE, MADV_NOHUGEPAGE, MADV_COLLAPSE
  kProtect,
  kBreakUp,
  kBreakDown,
  kResize,  // growing the file of the file source
  kGuard,   // making pages inaccessible, and accessible again
};
constexpr size_t kCallKinds = 10;

struct CallCount {
  uint64_t calls;
  uint64_t failures;
  uint64_t bytes;  // that they were about, failures included
};

const char* call_name(Call call);
CallCount call_count(Call call);
uint64_t total_calls();

// Called after every counted call, on the calling thread; from then on calls are timed too. Must not call the heap.
using CallObserver = void (*)(Call call, uint64_t nanoseconds, uint64_t bytes, bool failed);
void set_observer(CallObserver observer);

// The n-th counted call from now (1 is the next) fails with ENOMEM; with `all_after`, so do all that follow. 0: none.
void fail_call(uint64_t nth, bool all_after);

struct Mapping {
  void* address;  // null on failure
  bool occupied;  // the failure's cause: something else is mapped there
};

// Maps private anonymous memory wherever the kernel likes; with `reserve_only` inaccessible and free of charge until
// make_writable. Returns null on failure.
void* map(size_t bytes, bool reserve_only = false);
// Maps private anonymous memory, writable but not accounted for until touched. Returns null on failure.
void* map_unreserved(size_t bytes);
// Maps private anonymous memory at exactly `at`, or not at all.
Mapping map_at(void* at, size_t bytes);
// Maps `bytes` of an open file privately at exactly `at`, or not at all.
Mapping map_file_at(void* at, size_t bytes, int descriptor, uint64_t offset);
bool unmap(void* address, size_t bytes);
// Moves or grows a mapping; returns the new address or null.
void* remap(void* address, size_t old_bytes, size_t new_bytes);
bool make_writable(void* address, size_t bytes);
// The pages read as zero afterwards and cost nothing until touched.
bool purge(void* address, size_t bytes);
bool advise_huge(void* address, size_t bytes, bool on);
// Makes huge pages of small ones at once (MADV_COLLAPSE, Linux 6.1), by a copy. Requires: whole huge pages.
bool join(void* address, size_t bytes);

// Pages that fault at any access, and whose content is gone. Costs no mapping where the kernel has MADV_GUARD_INSTALL (Linux
// 6.13), else the protection is changed, which splits the mapping. Requires: private anonymous memory.
bool guard(void* address, size_t bytes);
// The pages read as zero afterwards.
bool unguard(void* address, size_t bytes);
bool has_light_guards();
// A call about pages of a watched range (userfault.hpp), counted among those that make pages accessible. Returns 0 or a negative errno.
long page_call(long descriptor, uint64_t request, void* argument, uint64_t bytes);
// A forked child finds zeros there.
bool empty_on_fork(void* address, size_t bytes);

// The program break, shared with whoever else calls sbrk(). move_break succeeds only if the break was at `from`.
char* current_break();
bool move_break(char* from, char* to);

// An unlinked file of this process in the folder of `path`, or a negative errno.
int open_unlinked(const char* path);
// Makes the file at least this long.
bool grow_file(int descriptor, uint64_t bytes);

uint32_t thread_id();
uint32_t process_id();
void yield();
uint64_t monotonic_ns();
uint64_t thread_cpu_ns();
// Cheap and coarse (one tick of the kernel, 1 to 4 ms).
uint64_t coarse_ns();
uint64_t physical_memory();      // bytes of RAM
uint64_t address_space_limit();  // RLIMIT_AS in bytes, ~0 when unlimited
uint64_t random_bits();          // from the bytes the kernel gave at exec; the same for the whole process
void write_error(const char* text, size_t bytes);
[[noreturn]] void abort_process();

}  // namespace loam::sys

// A library to be preloaded: at every malloc, calloc and realloc of an unmodified program it captures the stack with and without a memo
// and compares both, as they come back out of the depot, with what libgcc's _Unwind_Backtrace finds.
//
// LOAM_STACK_CHECK names a file of at least sizeof(Tally) bytes that all processes of a run count into. LOAM_STACK_TIME=1 times
// captures instead of comparing them. Locking: counters are atomics; a thread's own state is thread-local.
#include <dlfcn.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>
#include <unwind.h>
#include <x86intrin.h>

#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "stack/modules.hpp"
#include "stack/row_cache.hpp"
#include "stack/stack.hpp"
#include "stack/walk.hpp"
#include "tally.hpp"

namespace {

using namespace loam::stack;
using loam::test::Tally;

constexpr uint32_t kMaxFrames = 8000;

// The program's own malloc, which need not be libc's. Looking for it may itself allocate: that little is never freed.
using Malloc = void* (*)(size_t);
using Calloc = void* (*)(size_t, size_t);
using Realloc = void* (*)(void*, size_t);
constinit std::atomic<Malloc> malloc_found{nullptr};
constinit std::atomic<Calloc> calloc_found{nullptr};
constinit std::atomic<Realloc> realloc_found{nullptr};

template <class Function>
Function next(std::atomic<Function>& found, const char* name) {
  Function function = found.load(std::memory_order_acquire);
  if (function == nullptr) {
    function = reinterpret_cast<Function>(dlsym(RTLD_NEXT, name));
    found.store(function, std::memory_order_release);
  }
  return function;
}

void* next_malloc(size_t size) { return next(malloc_found, "malloc")(size); }

void* next_calloc(size_t count, size_t size) {
  static thread_local bool looking __attribute__((tls_model("initial-exec")));
  alignas(16) static char room[4096];
  static std::atomic<size_t> used{0};
  if (looking) {
    const size_t at = used.fetch_add((count * size + 15) & ~size_t{15});
    return at + count * size <= sizeof room ? room + at : nullptr;
  }
  looking = true;
  const Calloc function = next(calloc_found, "calloc");
  looking = false;
  return function(count, size);
}

void* next_realloc(void* block, size_t size) { return next(realloc_found, "realloc")(block, size); }

Tally fallback;
std::atomic<Tally*> shared{nullptr};
bool timing;

struct Thread {
  Memo* memo;
  bool inside;  // what the checker itself allocates is not checked
  Frame* frames;
  uint64_t* expected;
};
thread_local Thread self __attribute__((tls_model("initial-exec")));

struct Wanted {
  uint64_t boundary;
  uint64_t* pcs;
  uint32_t count;
};

_Unwind_Reason_Code collect(_Unwind_Context* context, void* argument) {
  auto& wanted = *static_cast<Wanted*>(argument);
  const uint64_t pc = _Unwind_GetIP(context);
  if (_Unwind_GetCFA(context) < wanted.boundary || pc == 0) return _URC_NO_REASON;
  if (wanted.count == kMaxFrames) return _URC_END_OF_STACK;
  wanted.pcs[wanted.count++] = pc;
  return _URC_NO_REASON;
}

Tally& open_tally() {
  Tally* tally = &fallback;
  const char* path = getenv("LOAM_STACK_CHECK");
  timing = getenv("LOAM_STACK_TIME") != nullptr;
  const int file = path == nullptr ? -1 : open(path, O_RDWR | O_CLOEXEC);
  if (file >= 0) {
    void* mapped = mmap(nullptr, sizeof(Tally), PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    if (mapped != MAP_FAILED) tally = static_cast<Tally*>(mapped);
    close(file);
  }
  prepare();
  shared.store(tally);
  tally->processes.fetch_add(1);
  return *tally;
}

void describe(const char* what, const Frame* frames, const Resolved& resolved, const Wanted& wanted) {
  dprintf(2, "stack_check: %s, ending %d, %u frames, libgcc %u\n", what, static_cast<int>(resolved.ending),
          resolved.count, wanted.count);
  for (uint32_t i = 0; i < resolved.count || i < wanted.count; ++i) {
    const uint64_t mine = i < resolved.count ? frames[i].pc() : 0;
    const uint64_t its = i < wanted.count ? wanted.pcs[i] : 0;
    const uint64_t pc = its != 0 ? its : mine;
    const Module* module = module_at(pc);
    dprintf(2, "  %3u %12lx %12lx %s+%lx\n", i, mine, its, module == nullptr ? "?" : module->path,
            module == nullptr ? 0 : pc - module->bias);
  }
}

void compare(Tally& tally, const char* what, Id id, const Wanted& wanted) {
  const Resolved resolved = resolve(id, self.frames, kMaxFrames);
  const uint32_t common = resolved.count < wanted.count ? resolved.count : wanted.count;
  uint32_t equal = 0;
  while (equal < common && self.frames[equal].pc() == wanted.pcs[equal]) ++equal;
  const bool same = equal == wanted.count && equal == resolved.count;
  if (same && resolved.ending == Ending::kComplete && equal > 0) return;
  // Through code without unwind information libgcc does not go on; a frame pointer may lead further.
  if (equal == wanted.count && resolved.count > equal) {
    if (tally.longer.fetch_add(1) < 2) describe("longer", self.frames, resolved, wanted);
  } else if (same && equal > 0) {
    tally.lost.fetch_add(1);
    if (tally.described.fetch_add(1) < 4) describe("lost", self.frames, resolved, wanted);
  } else {
    tally.mismatches.fetch_add(1);
    if (tally.described.fetch_add(1) < 20) describe(what, self.frames, resolved, wanted);
  }
}

void publish(Tally& tally, const MemoCounts& before, const MemoCounts& now) {
  tally.lookups.fetch_add(now.lookups - before.lookups, std::memory_order_relaxed);
  tally.built.fetch_add(now.built - before.built, std::memory_order_relaxed);
  tally.entered.fetch_add(now.entered - before.entered, std::memory_order_relaxed);
  tally.refused.fetch_add(now.refused - before.refused, std::memory_order_relaxed);
  tally.forgotten.fetch_add(now.forgotten - before.forgotten, std::memory_order_relaxed);
}

void measure(Tally& tally, const Registers& here, const void* inside) {
  unsigned processor;
  const MemoCounts before = self.memo->counts();
  _mm_lfence();
  const uint64_t start = __rdtsc();
  const Id id = capture_id(self.memo, here, inside);
  const uint64_t ticks = __rdtscp(&processor) - start;
  const Resolved resolved = resolve(id, self.frames, kMaxFrames);
  tally.stacks.fetch_add(1, std::memory_order_relaxed);
  tally.frames.fetch_add(resolved.depth, std::memory_order_relaxed);
  tally.ticks.fetch_add(ticks, std::memory_order_relaxed);
  const uint64_t bin = ticks / Tally::kTicksPerBin;
  tally.histogram[bin < Tally::kBins ? bin : Tally::kBins - 1].fetch_add(1, std::memory_order_relaxed);
  publish(tally, before, self.memo->counts());
}

void check(Tally& tally, const Registers& here, const void* inside) {
  Wanted wanted{reinterpret_cast<uint64_t>(inside), self.expected, 0};
  _Unwind_Backtrace(collect, &wanted);
  tally.stacks.fetch_add(1, std::memory_order_relaxed);
  tally.frames.fetch_add(wanted.count, std::memory_order_relaxed);
  uint64_t deepest = tally.deepest.load(std::memory_order_relaxed);
  while (deepest < wanted.count && !tally.deepest.compare_exchange_weak(deepest, wanted.count)) continue;
  const MemoCounts before = self.memo->counts();
  const Id by_memo = capture_id(self.memo, here, inside);
  publish(tally, before, self.memo->counts());
  compare(tally, "memo", by_memo, wanted);
  // The plain walk is compared through its id: the same stack has the same one.
  const Id by_walk = capture_id(nullptr, here, inside);
  if (by_walk != by_memo) compare(tally, "walk", by_walk, wanted);
}

[[gnu::noinline]] void on_allocation(const void* inside) {
  if (self.inside) return;
  self.inside = true;
  Tally* tally = shared.load(std::memory_order_acquire);
  if (tally == nullptr) tally = &open_tally();
  if (self.memo == nullptr) {
    self.memo = attach_memo();
    self.frames = static_cast<Frame*>(next_malloc(kMaxFrames * sizeof(Frame)));
    self.expected = static_cast<uint64_t*>(next_malloc(kMaxFrames * sizeof(uint64_t)));
  }
  Registers here;
  Registers::here(here);
  if (timing)
    measure(*tally, here, inside);
  else
    check(*tally, here, inside);
  self.inside = false;
}

}  // namespace

extern "C" {
[[gnu::visibility("default")]] void* malloc(size_t size) {
  on_allocation(__builtin_dwarf_cfa());
  return next_malloc(size);
}
[[gnu::visibility("default")]] void* calloc(size_t count, size_t size) {
  on_allocation(__builtin_dwarf_cfa());
  return next_calloc(count, size);
}
[[gnu::visibility("default")]] void* realloc(void* block, size_t size) {
  on_allocation(__builtin_dwarf_cfa());
  return next_realloc(block, size);
}
}

// As a runtime that interposes dlclose tells it.
extern "C" [[gnu::visibility("default")]] int dlclose(void* handle) {
  using Close = int (*)(void*);
  static const auto close = reinterpret_cast<Close>(dlsym(RTLD_NEXT, "dlclose"));
  modules_changed();
  const int result = close(handle);
  modules_changed();
  return result;
}

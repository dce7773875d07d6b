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

extern "C" {
void* __libc_malloc(size_t size);
void* __libc_calloc(size_t count, size_t size);
void* __libc_realloc(void* block, size_t size);
}

namespace {

using namespace loam::stack;
using loam::test::Tally;

constexpr uint32_t kMaxFrames = 8000;

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
  char text[4000];
  size_t at = 0;
  const auto add = [&](const char* format, auto... values) {
    const int written = snprintf(text + at, sizeof text - at, format, values...);
    if (written > 0 && at + static_cast<size_t>(written) < sizeof text) at += static_cast<size_t>(written);
  };
  add("stack_check: %s, ending %d, %u frames, libgcc %u\n", what, static_cast<int>(resolved.ending),
      resolved.count, wanted.count);
  for (uint32_t i = 0; i < resolved.count || i < wanted.count; ++i) {
    const uint64_t mine = i < resolved.count ? frames[i].pc() : 0;
    const uint64_t its = i < wanted.count ? wanted.pcs[i] : 0;
    const Module* module = module_at(its != 0 ? its : mine);
    add("  %3u %12lx %12lx %s+%lx\n", i, mine, its, module == nullptr ? "?" : module->path,
        module == nullptr ? 0 : (its != 0 ? its : mine) - module->bias);
  }
  [[maybe_unused]] const auto ignored = write(2, text, at);
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
    tally.longer.fetch_add(1);
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
    self.frames = static_cast<Frame*>(__libc_malloc(kMaxFrames * sizeof(Frame)));
    self.expected = static_cast<uint64_t*>(__libc_malloc(kMaxFrames * sizeof(uint64_t)));
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
  return __libc_malloc(size);
}
[[gnu::visibility("default")]] void* calloc(size_t count, size_t size) {
  on_allocation(__builtin_dwarf_cfa());
  return __libc_calloc(count, size);
}
[[gnu::visibility("default")]] void* realloc(void* block, size_t size) {
  on_allocation(__builtin_dwarf_cfa());
  return __libc_realloc(block, size);
}
}

// As a runtime that interposes dlclose tells it.
extern "C" [[gnu::visibility("default")]] int dlclose(void* handle) {
  using Close = int (*)(void*);
  static const auto next = reinterpret_cast<Close>(dlsym(RTLD_NEXT, "dlclose"));
  if (getenv("LOAM_STACK_NO_DLCLOSE") != nullptr) return next(handle);
  modules_changed();
  const int result = next(handle);
  modules_changed();
  return result;
}

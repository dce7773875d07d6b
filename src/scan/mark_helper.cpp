#include "scan/mark_helper.hpp"

#include <signal.h>

#include <new>

#include "sys/kernel.hpp"
#include "sys/sanitizer.hpp"
#include "sys/side_thread.hpp"
#include "sys/syscall.hpp"

namespace loam::scan {

namespace {

// Below, the start of a thread is not worth it.
constexpr uint64_t kWorthHelp = 100'000;  // blocks
constexpr uint64_t kStackBytes = uint64_t{64} << 10;
constexpr uint64_t kStorageBytes = uint64_t{8} << 10;

bool has_processors() {
  uint64_t mask[16] = {};  // of 1,024 processors
  const long bytes = sys::raw_call(SYS_sched_getaffinity, 0, sizeof mask, reinterpret_cast<long>(mask));
  if (sys::failed(bytes)) return false;
  unsigned words = 0;
  for (const uint64_t word : mask) {
    if ((word & (word - 1)) != 0) return true;
    words += word != 0 ? 1u : 0u;
  }
  return words > 1;
}

bool start_thread(sys::SideThread run, void* argument, char* memory) {
  return sys::start_side_thread(run, argument, memory + kStackBytes,
                                memory + kStackBytes + kStorageBytes / 2);
}

}  // namespace

MarkHelper* MarkHelper::start(const BlockMap& map, BlockSet& open, const Readable& readable,
                              Scratch& scratch) {
  // A watched build's own bookkeeping needs a thread that libc knows.
  if (LOAM_WATCHED != 0 || map.live_blocks() < kWorthHelp || !has_processors()) return nullptr;
  auto* memory = scratch.take<char>(kStackBytes + kStorageBytes);
  void* place = scratch.take<MarkHelper>(1);
  if (memory == nullptr || place == nullptr) return nullptr;
  auto* helper = new (place) MarkHelper(map, open, readable);
  if (!helper->marker_.prepare(scratch)) return nullptr;
  helper->marker_.share(helper->pool_);
  return start_thread(run, helper, memory) ? helper : nullptr;
}

void MarkHelper::run(void* argument) {
  auto& helper = *static_cast<MarkHelper*>(argument);
  if (helper.pool_.enter()) {
    helper.marker_.help();
    helper.cpu_ns_ = sys::thread_cpu_ns();
    helper.pool_.leave();
  }
  for (;;) sys::raw_call(SYS_exit, 0);  // its stack goes with the scratch
}

}  // namespace loam::scan

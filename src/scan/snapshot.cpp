#include "scan/snapshot.hpp"

#include <linux/futex.h>
#include <sys/mman.h>
#include <time.h>

#include "sys/kernel.hpp"
#include "sys/process_copy.hpp"
#include "sys/syscall.hpp"

namespace loam::scan {

namespace {

constexpr unsigned kMostAttempts = 6;
constexpr uint64_t kStopPatienceNs = 400'000'000;
constexpr size_t kPage = 4096;
constexpr long kTryAgain = -11;  // EAGAIN
constexpr long kNoMemory = -12;  // ENOMEM

}  // namespace

Snapshot::~Snapshot() {
  if (shared_ != nullptr) sys::raw_call(SYS_munmap, reinterpret_cast<long>(shared_), kPage);
}

bool Snapshot::prepare() {
  const long page = sys::map_call(0, kPage, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (sys::failed(page)) return false;
  shared_ = reinterpret_cast<Shared*>(page);
  return true;
}

void Snapshot::judge(uint32_t verdict) {
  shared_->verdict.store(verdict, std::memory_order_release);
  sys::raw_call(SYS_futex, reinterpret_cast<long>(&shared_->verdict), FUTEX_WAKE, INT32_MAX);
}

bool Snapshot::counts() const {
  for (;;) {
    const uint32_t verdict = shared_->verdict.load(std::memory_order_acquire);
    if (verdict != kUnknown) return verdict == kCounts;
    sys::raw_call(SYS_futex, reinterpret_cast<long>(&shared_->verdict), FUTEX_WAIT, kUnknown, 0);
  }
}

bool Snapshot::wait() { return sys::wait_for_copy(copy_); }

Snapshot::Side Snapshot::take(Stop& stop, int signal, const SnapshotHooks& hooks) {
  for (unsigned attempt = 1; attempt <= kMostAttempts; ++attempt) {
    shared_->attempts = attempt;
    shared_->verdict.store(kUnknown, std::memory_order_relaxed);
    error_ = kNoMemory;
    const bool stopped = stop.stop(signal, kStopPatienceNs);
    const bool locked = stopped && hooks.try_lock();
    if (!locked) {
      stop.resume();
      error_ = kTryAgain;
      continue;
    }
    const uint64_t begin = sys::monotonic_ns();
    const uint64_t cpu_begin = sys::thread_cpu_ns();
    copy_ = sys::copy_process();
    if (copy_ == 0) {
      hooks.in_copy();
      return Side::kCopy;
    }
    shared_->copy_ns = sys::monotonic_ns() - begin;
    shared_->copy_cpu_ns = sys::thread_cpu_ns() - cpu_begin;
    hooks.unlock();
    stop.resume();
    shared_->pause_ns = stop.pause_ns();
    if (sys::failed(copy_)) {
      error_ = copy_;
      return Side::kFailed;
    }
    if (stop.nobody_ran()) {
      judge(kCounts);
      return Side::kOriginal;
    }
    judge(kDiscarded);
    sys::kill_copy(copy_);
    sys::wait_for_copy(copy_);
    error_ = kTryAgain;
  }
  return Side::kFailed;
}

}  // namespace loam::scan

// A frozen copy of the process: the threads stop, the process is copied, they go on. The copy thinks as long as it likes.
//
// A copy counts only if nobody was running while it was made: not even those who were left alone in the kernel. If somebody
// was, the copy is thrown away and the next attempt takes more care.
// Owns the page through which the original tells the copy whether it counts. Locking: the heap's locks are tried when all have
// stopped, so that the copy's tables are whole; who holds one is let go on and stopped again.
#pragma once

#include <atomic>
#include <cstdint>

#include "scan/stop.hpp"

namespace loam::scan {

struct SnapshotHooks {
  bool (*try_lock)();  // all of the heap's locks, or none
  void (*unlock)();
  void (*in_copy)();  // there the locks' holder is another thread by its number
};

class Snapshot {
 public:
  enum class Side : uint8_t { kOriginal, kCopy, kFailed };

  Snapshot() = default;
  ~Snapshot();
  Snapshot(const Snapshot&) = delete;
  Snapshot& operator=(const Snapshot&) = delete;

  // Returns false when there is no memory.
  bool prepare();

  // Returns twice, unless it fails: error() then tells why.
  Side take(Stop& stop, int signal, const SnapshotHooks& hooks);

  long error() const { return error_; }
  // kOriginal: waits until the copy has ended. Returns whether it has done its work.
  bool wait();

  // kCopy: waits until it is known whether the copy counts. If it does not, it has to end.
  bool counts() const;

  // Known to the copy when counts() has returned true.
  uint64_t pause_ns() const { return shared_->pause_ns; }
  uint64_t copy_ns() const { return shared_->copy_ns; }
  uint64_t copy_cpu_ns() const { return shared_->copy_cpu_ns; }
  uint32_t attempts() const { return shared_->attempts; }

 private:
  enum : uint32_t { kUnknown, kCounts, kDiscarded };
  struct Shared {
    std::atomic<uint32_t> verdict;
    uint32_t attempts;
    uint64_t pause_ns;
    uint64_t copy_ns;
    uint64_t copy_cpu_ns;
  };

  void judge(uint32_t verdict);

  Shared* shared_ = nullptr;
  long copy_ = 0;
  long error_ = 0;
};

}  // namespace loam::scan

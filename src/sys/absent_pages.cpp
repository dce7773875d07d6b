#include "sys/absent_pages.hpp"

#include <errno.h>

#include "sys/kernel.hpp"
#include "sys/syscall.hpp"
#include "sys/userfault.hpp"

namespace loam::sys {

// Empty in a forked child.
struct AbsentPages::Shared {
  std::atomic<int> descriptor;  // 0: none
  std::atomic<int> lost;        // what it was, when a call said that it is none
  std::atomic<bool> opening;
};

namespace {

struct Copy {
  uint64_t to;
  uint64_t from;
  uint64_t bytes;
  uint64_t mode;
  int64_t done;
};
struct Zero {
  uint64_t to;
  uint64_t bytes;
  uint64_t mode;
  int64_t done;
};
constexpr uint64_t kCopyCall = 0xc028aa03;  // _IOWR(0xaa, 0x03, Copy)
constexpr uint64_t kZeroCall = 0xc020aa04;  // _IOWR(0xaa, 0x04, Zero)
constexpr uint64_t kMoveCall = 0xc028aa05;  // _IOWR(0xaa, 0x05, Copy)
constexpr uint64_t kWakeNobody = 1;
static_assert(sizeof(Copy) == 40 && sizeof(Zero) == 32);

constexpr uint64_t kPage = 4096;
constexpr unsigned kMostTries = 100;
// Never written to: what it costs is addresses.
constinit char zeros[AbsentPages::kMostFilled];

uint64_t word(const char* address) { return reinterpret_cast<uint64_t>(address); }

}  // namespace

long AbsentPages::open_descriptor() {
  const long opened = userfault::open(userfault::kSignalsBus | userfault::kMoves);
  if (failed(opened)) return opened;
  const long watched = userfault::watch(opened, word(start_), bytes_, userfault::kMissing);
  if (!failed(watched)) return opened;
  raw_call(SYS_close, opened);
  return watched;
}

bool AbsentPages::open(char* start, uint64_t bytes) {
  auto* shared = static_cast<Shared*>(map(kPage));
  if (shared == nullptr) return false;
  start_ = start;
  bytes_ = bytes;
  const long opened = empty_on_fork(shared, kPage) ? open_descriptor() : -ENOMEM;
  if (failed(opened)) {
    unmap(shared, kPage);
    return false;
  }
  shared->descriptor.store(static_cast<int>(opened), std::memory_order_release);
  shared_ = shared;
  works_.store(true, std::memory_order_release);
  return true;
}

// Negative if there is none for now, or any longer.
long AbsentPages::descriptor() {
  if (!works()) return -EBADF;
  const int known = shared_->descriptor.load(std::memory_order_acquire);
  if (known != 0) return known;
  if (shared_->opening.exchange(true, std::memory_order_acquire)) return -EBUSY;
  long opened = shared_->descriptor.load(std::memory_order_acquire);
  if (opened == 0) {
    opened = open_descriptor();
    // The range is watched all the same: this is a child in its parent's memory (vfork) that has closed what it knew, and the
    // parent has not.
    if (opened == -EBUSY)
      shared_->descriptor.store(shared_->lost.load(std::memory_order_relaxed), std::memory_order_release);
    else if (failed(opened))
      works_.store(false, std::memory_order_release);
    else
      shared_->descriptor.store(static_cast<int>(opened), std::memory_order_release);
  }
  shared_->opening.store(false, std::memory_order_release);
  return opened;
}

void AbsentPages::renew() {
  if (works()) descriptor();
}

void AbsentPages::end() {
  if (!works()) return;
  works_.store(false, std::memory_order_release);
  const int known = shared_->descriptor.exchange(0, std::memory_order_acq_rel);
  if (known == 0) return;
  userfault::unwatch(known, word(start_), bytes_);
  raw_call(SYS_close, known);
}

AbsentPages::Next AbsentPages::after(long error, char* at, uint64_t bytes, long descriptor) {
  switch (error) {
    case -EAGAIN:
      return Next::kAgain;
    case -EEXIST:  // read while the range was not watched: it has a page of zeros there
      return purge(at, bytes) ? Next::kAgain : Next::kGiveUp;
    case -EBADF:
    case -ENOTTY: {  // the program has closed it, and perhaps has a file of its own by that number
      int lost = static_cast<int>(descriptor);
      shared_->lost.store(lost, std::memory_order_relaxed);
      shared_->descriptor.compare_exchange_strong(lost, 0, std::memory_order_acq_rel);
      return Next::kAgain;
    }
    default:
      return Next::kGiveUp;
  }
}

bool AbsentPages::place(char* at, uint64_t bytes) {
  const bool filled = bytes <= kMostFilled;
  uint64_t done = 0;
  for (unsigned tries = 0; tries < kMostTries; ++tries) {
    const long to_call = descriptor();
    if (failed(to_call)) break;
    Copy copy{word(at) + done, word(zeros), bytes - done, kWakeNobody, 0};
    Zero zero{word(at) + done, bytes - done, kWakeNobody, 0};
    const long result = filled ? page_call(to_call, kCopyCall, &copy, bytes - done)
                               : page_call(to_call, kZeroCall, &zero, bytes - done);
    if (!failed(result)) return true;
    const int64_t part = filled ? copy.done : zero.done;
    if (part > 0) done += static_cast<uint64_t>(part);
    if (after(result, at + done, bytes - done, to_call) == Next::kGiveUp) break;
  }
  if (done > 0) purge(at, done);
  return false;
}

bool AbsentPages::move(char* from, char* to) {
  for (unsigned tries = 0; tries < kMostTries; ++tries) {
    const long to_call = descriptor();
    if (failed(to_call)) return false;
    Copy move{word(to), word(from), kPage, kWakeNobody, 0};
    const long result = page_call(to_call, kMoveCall, &move, kPage);
    if (!failed(result)) return true;
    if (after(result, to, kPage, to_call) == Next::kGiveUp) return false;
  }
  return false;
}

bool AbsentPages::remove(char* at, uint64_t bytes) { return purge(at, bytes); }

}  // namespace loam::sys

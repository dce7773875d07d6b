// A range of addresses whose pages are not there until they are put in place: until then any access to them is SIGBUS. A page is taken
// away from one address and put at another by one call of the kernel (userfaultfd and UFFDIO_MOVE, Linux 6.8): it is neither given
// back, nor faulted in, nor cleared again, as with a guard.
//
// Owns a descriptor, out of the way of the program's own, which the kernel's promise hangs on: when the program closes it, or forks,
// absent pages read as zero until the next call here makes the range absent again (renew()).
// Invariant: the descriptor is kept in a page that a fork empties: that of a parent would act on the parent's pages.
// Locking: none needed; calls about pages of their own may run at once.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>

namespace loam::sys {

class AbsentPages {
 public:
  // Requires: private anonymous memory that nobody has touched. Returns false where the kernel cannot, or must not be asked.
  bool open(char* start, uint64_t bytes);
  // Whether absent pages fault. Once this is false it stays so: who needs faults must guard the pages.
  bool works() const { return works_.load(std::memory_order_acquire); }

  // The pages are there from now on, and zero. Requires: they are absent.
  bool place(char* at, uint64_t bytes);
  // The page at `to`, which is absent, is what that at `from` was, which is absent from now on. On false nothing has changed: the
  // kernel does not move a page that a forked child shares.
  bool move(char* from, char* to);
  // The pages are absent from now on; their memory goes back.
  bool remove(char* at, uint64_t bytes);

  // In a forked child, before anything else runs: its absent pages are absent again.
  void renew();
  // Makes the range one of ordinary pages; those that were absent read as zero. For a process that is about to have its system
  // calls filtered.
  void end();

  // Of a range that is placed at once above so much, pages have no memory until they are written to.
  static constexpr uint64_t kMostFilled = uint64_t{64} << 10;

 private:
  struct Shared;
  enum class Next : uint8_t { kAgain, kGiveUp };

  long descriptor();
  long open_descriptor();
  Next after(long error, char* at, uint64_t bytes, long descriptor);

  char* start_ = nullptr;
  uint64_t bytes_ = 0;
  Shared* shared_ = nullptr;
  std::atomic<bool> works_{false};
};

}  // namespace loam::sys

#include "lib/gc/ahead.hpp"

#include "lib/gc/futex.hpp"
#include "lib/gc/helper.hpp"
#include "lib/gc/regions.hpp"
#include "lib/gc/space.hpp"
#include "sys/kernel.hpp"
#include "sys/sanitizer.hpp"

namespace loam::collector {

constinit Ahead ahead;

namespace {

// So many regions; of a smaller heap they would be too large a part.
constexpr uint32_t kAhead = 4;
constexpr uint64_t kFrom = uint64_t{256} << 20;
// A fault took 2.7 ms where the host had to find the memory, 0.35 ms where it had it. Who touches a page that is being fetched waits for all of it
// in any case, and one fault more beside it makes both take twice as long: so what has begun is waited for, and what has not only for a moment.
constexpr uint64_t kMostWaitNs = 20'000'000;
constexpr uint64_t kMostWaitUnbegunNs = 1'000'000;
// Who comes so near to what is not touched yet, in regions, naps at each block: many short waits for a long one.
constexpr uint32_t kNear = 2;
constexpr uint64_t kNapNs = 100'000;
// The heap grows by a sixteenth at a time.
constexpr uint64_t kPreparedPart = 8;

// As a write does, and without a change of what is there, which others may be writing to.
LOAM_UNWATCHED void touch_word(uint64_t* word) {
  uint64_t nothing = 0;
  __atomic_compare_exchange_n(word, &nothing, 0, false, __ATOMIC_RELAXED, __ATOMIC_RELAXED);
}

}  // namespace

void Ahead::note(uint32_t block) {
  const uint32_t wanted = Regions::of_block(block) + 1 + kAhead;
  if (!on_ || wanted <= noted_ || space.used_bytes() < kFrom) return;
  // Where the limit forbids more, the program will not get there either.
  if (!space.grow_to(uint64_t{wanted} << kRegionShift)) return;
  noted_ = wanted;
  asked_.store(wanted, std::memory_order_release);
  wake_helper();
}

void Ahead::touch(uint32_t region) {
  const uint64_t used = uint64_t{space.block_count()} << kBlockShift;
  space.prepare_to(used + used / kPreparedPart);
  touch_word(&space.marks(region * kRegionBlocks)->open);
  touching_.store(region + 1, std::memory_order_release);
  touch_word(reinterpret_cast<uint64_t*>(space.base() + (uint64_t{region} << kRegionShift)));
  touching_.store(0, std::memory_order_release);
}

bool Ahead::work() {
  const uint32_t asked = asked_.load(std::memory_order_acquire);
  const uint32_t touched = touched_.load(std::memory_order_relaxed);
  if (touched >= asked) return false;
  // What lies below was there before.
  const uint32_t region = asked - touched > kAhead + 1 ? asked - kAhead - 1 : touched;
  touch(region);
  touched_.store(region + 1, std::memory_order_release);
  wake(touched_);
  return true;
}

void Ahead::nap_at(uint32_t block, uint32_t touched) {
  if (napped_.exchange(block, std::memory_order_relaxed) != block) wait(touched_, touched, kNapNs);
}

void Ahead::wait_for(uint64_t address) {
  const auto region = static_cast<uint32_t>((address - space.base()) >> kRegionShift);
  uint32_t touched = touched_.load(std::memory_order_acquire);
  const uint32_t asked = asked_.load(std::memory_order_relaxed);
  if (touched >= asked || region + kNear < touched || region >= asked) return;
  if (region < touched)
    return nap_at(static_cast<uint32_t>((address - space.base()) >> kBlockShift), touched);
  const uint64_t begin = sys::monotonic_ns();
  while (touched <= region && given_up_.load(std::memory_order_relaxed) <= region) {
    const uint64_t waited = sys::monotonic_ns() - begin;
    const bool begun = touching_.load(std::memory_order_acquire) == region + 1;
    if (waited >= (begun ? kMostWaitNs : kMostWaitUnbegunNs))
      return given_up_.store(region + 1, std::memory_order_relaxed);
    wait(touched_, touched, kMostWaitUnbegunNs);
    touched = touched_.load(std::memory_order_acquire);
  }
}

void Ahead::after_fork() {
  on_ = false;
  touching_.store(0, std::memory_order_relaxed);
  touched_.store(asked_.load(std::memory_order_relaxed), std::memory_order_relaxed);
}

}  // namespace loam::collector

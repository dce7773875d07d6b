// Small programs of two or three threads under a scheduler of our own: the threads are contexts on one real thread, and
// at each access of an Atomic a random draw decides who goes on. A seed repeats its schedule exactly.
// What it shows: errors of interleaving, spurious failures of weak exchanges included. What it cannot show: errors of memory
// order, every schedule being sequentially consistent; those are the thread sanitizer's part.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

namespace loam::scheduler {

// Runs the bodies to their ends, interleaved as the seed says. Not reentrant.
void run(uint64_t seed, const std::vector<std::function<void()>>& bodies);

// Called at each access: another body may go on.
void step();
// Whether a weak exchange fails now for no reason, as it may.
bool spurious();

// A try of one schedule: makes its objects, runs the bodies, returns what is wrong or an empty string.
using Trial = std::function<std::string(uint64_t seed)>;

struct Finding {
  uint64_t seed;
  uint64_t schedules;  // tried, this one included
  std::string wrong;   // empty: nothing was found
};

// Tries `schedules` seeds from a random one on (or from LOAM_SEED), stops at the first that shows something wrong, and
// prints the seeds.
Finding explore(const char* name, uint64_t schedules, const Trial& trial);

// std::atomic with a step before each access.
template <class T>
class Atomic {
 public:
  constexpr Atomic() = default;
  constexpr Atomic(T value) : value_(value) {}  // NOLINT: as std::atomic
  Atomic(const Atomic&) = delete;
  Atomic& operator=(const Atomic&) = delete;

  T load(std::memory_order = std::memory_order_seq_cst) const {
    step();
    return value_;
  }
  void store(T desired, std::memory_order = std::memory_order_seq_cst) {
    step();
    value_ = desired;
  }
  T exchange(T desired, std::memory_order = std::memory_order_seq_cst) {
    return update([desired](T) { return desired; });
  }
  T fetch_or(T bits, std::memory_order = std::memory_order_seq_cst) {
    return update([bits](T value) { return value | bits; });
  }
  T fetch_and(T bits, std::memory_order = std::memory_order_seq_cst) {
    return update([bits](T value) { return value & bits; });
  }
  T fetch_add(T more, std::memory_order = std::memory_order_seq_cst) {
    return update([more](T value) { return value + more; });
  }
  bool compare_exchange_strong(T& expected, T desired, std::memory_order = std::memory_order_seq_cst,
                               std::memory_order = std::memory_order_seq_cst) {
    step();
    return exchange_if(expected, desired);
  }
  bool compare_exchange_weak(T& expected, T desired, std::memory_order = std::memory_order_seq_cst,
                             std::memory_order = std::memory_order_seq_cst) {
    step();
    if (!spurious()) return exchange_if(expected, desired);
    expected = value_;
    return false;
  }

 private:
  template <class Change>
  T update(Change change) {
    step();
    const T before = value_;
    value_ = change(before);
    return before;
  }

  bool exchange_if(T& expected, T desired) {
    if (value_ == expected) {
      value_ = desired;
      return true;
    }
    expected = value_;
    return false;
  }

  T value_{};
};

}  // namespace loam::scheduler

// From an address to the record of what lies there: one flat table over the heap's window of addresses, eight bytes
// for each slice of 16 KiB. Answers for any 64-bit word at all, without a fault and in constant time.
// Invariant: every entry below count() points to a record; slices of nobody point to the `none` record given to
// open(), so a reader never tests for null.
// All static, one map for each Record type: its address is then in the instructions of free, not in a register.
// Locking: readers take none (entries are atomics, and who reads one sees the record as it was when entered; whoever got a
// block from another thread got its entry by the same way); writers own the slices whose entries they change; extend() runs under the caller's growth lock.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>

#include "base/bits.hpp"
#include "sys/cpu.hpp"
#include "sys/kernel.hpp"

namespace loam::meta {

constexpr unsigned kSliceShift = 14;
constexpr size_t kSlice = size_t{1} << kSliceShift;

template <class Record>
class PageMap {
 public:
  // Requires: `start` is aligned to a slice. Reserves the table for a window of up to `slices`.
  static bool open(char* start, uint64_t slices, Record* none) {
    first_ = reinterpret_cast<uint64_t>(start) >> kSliceShift;
    table_ = static_cast<Record**>(sys::map(base::align_up(slices * sizeof(Record*), kCommitStep), true));
    none_ = none;
    capacity_ = slices;
    return table_ != nullptr;
  }

  // Returns the record of the slice that `address` lies in, or null outside the window.
  static Record* find(const void* address) {
    const uint64_t slice = slice_of(address);
    return covers(slice) ? at(slice) : nullptr;
  }

  // Whether the slice number, of any address at all, lies in the window.
  static bool covers(uint64_t slice) { return slice < sys::peek(count_); }

  // Requires: covers(slice). Never null.
  static Record* at(uint64_t slice) { return __atomic_load_n(&table_[slice], __ATOMIC_ACQUIRE); }

  static void set(uint64_t slice, uint64_t slices, Record* record) {
    for (uint64_t i = 0; i < slices; ++i) __atomic_store_n(&table_[slice + i], record, __ATOMIC_RELEASE);
  }

  // Effects: the window now covers `count` slices, the new ones with the record `none`.
  static bool extend(uint64_t count) {
    if (count > capacity_) return false;
    const uint64_t bytes = base::align_up(count * sizeof(Record*), kCommitStep);
    if (bytes > committed_) {
      if (!sys::make_writable(reinterpret_cast<char*>(table_) + committed_, bytes - committed_)) return false;
      committed_ = bytes;
    }
    if (count > count_) set(count_, count - count_, none_);
    // Release: a reader that sees the count sees the entries.
    __atomic_store_n(&count_, count, __ATOMIC_RELEASE);
    return true;
  }

  static char* address_of(uint64_t slice) { return reinterpret_cast<char*>((first_ + slice) << kSliceShift); }
  static uint64_t slice_of(const void* address) {
    return (reinterpret_cast<uint64_t>(address) >> kSliceShift) - first_;
  }
  static uint64_t count() { return __atomic_load_n(&count_, __ATOMIC_ACQUIRE); }
  static uint64_t capacity() { return capacity_; }
  // The table, and how many bytes of it have been made accessible.
  static const void* table() { return static_cast<const void*>(table_); }
  static uint64_t committed() { return committed_; }

 private:
  static constexpr uint64_t kCommitStep = uint64_t{64} << 10;

  static inline constinit uint64_t first_ = 0;
  static inline constinit uint64_t count_ = 0;
  static inline constinit Record** table_ = nullptr;
  static inline constinit Record* none_ = nullptr;
  static inline constinit uint64_t capacity_ = 0;
  static inline constinit uint64_t committed_ = 0;
};

}  // namespace loam::meta

// Arrays that the placement policies keep beside the memory they place blocks in. Not for direct use.
//
// An array grows in place or moves; new elements are zero. It comes from a function, so that the same policy serves a program, a
// simulation and the runtime, which has no C++ library. Thread safety: none.
#ifndef LOAM_DETAIL_POLICY_TABLES_HPP
#define LOAM_DETAIL_POLICY_TABLES_HPP

#include <cstddef>
#include <cstdint>

namespace loam::detail {

// Whole pages, zero where new. `old` is null at first; `new_bytes` 0 gives everything back. Null: nothing was changed.
using table_memory = void* (*)(void* old, std::size_t old_bytes, std::size_t new_bytes);

// Asks for a line of the cache some time before it is needed. GCC 12 drops calls of functions that do nothing but that, even inlined ones:
// hence the statement that may not be dropped.
inline void ask_for(const void* address) {
  __builtin_prefetch(address, 1);
  asm volatile("" : : "r"(address));
}

// Element must be valid when all its bytes are zero.
template <class Element>
class growing_table {
 public:
  constexpr growing_table() = default;
  growing_table(const growing_table&) = delete;
  growing_table& operator=(const growing_table&) = delete;

  // Room for `count` elements. False: out of memory, nothing was changed.
  bool reserve(table_memory memory, std::uint64_t count) {
    if (count <= count_) return true;
    constexpr std::size_t page = 4096;
    // Pages that nobody touches cost nothing: doubling keeps the calls few.
    std::size_t wanted = 2 * bytes_;
    if (wanted < count * sizeof(Element)) wanted = count * sizeof(Element);
    wanted = (wanted + page - 1) & ~(page - 1);
    void* grown = memory(data_, bytes_, wanted);
    if (grown == nullptr) return false;
    data_ = static_cast<Element*>(grown);
    bytes_ = wanted;
    count_ = wanted / sizeof(Element);
    return true;
  }
  void clear(table_memory memory) {
    if (data_ != nullptr) memory(data_, bytes_, 0);
    data_ = nullptr;
    bytes_ = 0;
    count_ = 0;
  }

  Element& operator[](std::uint64_t at) { return data_[at]; }
  const Element& operator[](std::uint64_t at) const { return data_[at]; }
  std::uint64_t size() const { return count_; }
  std::size_t bytes() const { return bytes_; }

 private:
  Element* data_ = nullptr;
  std::uint64_t count_ = 0;
  std::size_t bytes_ = 0;
};

}  // namespace loam::detail

#endif

// What stands in front of each counted object: its counts, and what its type can do. Not for direct use.
//
// The count is biased (J. Choi, T. Shull, J. Torrellas, "Biased reference counting", PACT 2018): one thread, the owner, counts in a
// word of its own by plain loads and stores, all others atomically in another one. What the object is held by is the sum. When
// the owner's part comes to zero the two are merged, and from then on everybody counts in the shared word.
//
// Invariants:
//   * `biased` is touched by the owner alone, and is at least 1 while there is one; so that an object with an owner never goes
//     but through a merge, by the owner or by whoever stands in for an owner that has ended.
//   * An object is dead when it is merged and the shared count is 0: by one atomic step, after which nobody gets a reference.
//   * `weak` is the number of weak references and of lists that name the object, plus 1 until its destructor has run. At zero the memory goes.
// Locking: none, these are atomics.
#ifndef LOAM_DETAIL_RC_HEADER_HPP
#define LOAM_DETAIL_RC_HEADER_HPP

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string_view>

namespace loam {

class rc_tracer;

namespace detail {

struct rc_header;

struct rc_type {
  void (*dispose)(rc_header&) noexcept;    // runs the destructor
  void (*free)(rc_header&) noexcept;       // gives the memory back
  void (*trace)(rc_header&, rc_tracer&);   // null: acyclic
  const void* (*block)(const rc_header&);  // where the memory starts, as a heap knows it
  std::string_view name;
};

// The owner's part of the count: written by one thread, read by all. An object that can be no part of a cycle starts above `acyclic`, so
// that the sign of what is left answers both questions of a reference that goes: whether it was the last, and whether to look for cycles.
class rc_part {
 public:
  constexpr rc_part(std::uint32_t count, bool is_acyclic) noexcept
      : word_(count + (is_acyclic ? acyclic : 0)) {}

  std::uint32_t count() const noexcept {
    const std::uint32_t word = word_.load(std::memory_order_relaxed);
    return word < acyclic ? word : word - acyclic;
  }
  // Requires: the caller is the owner, or stands in for him.
  void set(std::uint32_t count) noexcept { word_.store(count, std::memory_order_relaxed); }
  void up() noexcept { word_.store(word_.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed); }
  // True: that is all. False: it was the last, or cycles are to be looked for.
  bool down() noexcept {
    const std::uint32_t left = word_.load(std::memory_order_relaxed) - 1;
    word_.store(left, std::memory_order_relaxed);
    return static_cast<std::int32_t>(left) < 0;
  }

 private:
  static constexpr std::uint32_t acyclic = 0x7fffffff;

  std::atomic<std::uint32_t> word_;
};

struct rc_header {
  std::atomic<std::uint32_t> owner;  // number of the thread that counts in `biased`; 0: nobody does any more
  rc_part biased;
  std::atomic<std::int32_t> shared;  // count * rc_one, and the flags below
  std::atomic<std::uint32_t> weak;
  const rc_type* type;
};
static_assert(sizeof(rc_header) == 24 && std::atomic<std::uint32_t>::is_always_lock_free);

constexpr std::int32_t rc_merged = 1;
// A reference that another thread let go waits for the owner, who lets it go instead: the count would have become negative.
constexpr std::int32_t rc_queued = 2;
// No candidate for a cycle: it is one already, or its type is acyclic. One flag for both keeps the test out of the type.
constexpr std::int32_t rc_noted = 4;
// A collector is about to decide whether it is garbage: weak references wait.
constexpr std::int32_t rc_frozen = 8;
constexpr std::int32_t rc_one = 16;
// References by other threads than the owner; far from where the count would wrap.
constexpr std::int32_t rc_most = std::int32_t{1} << 26;

constexpr std::int32_t rc_count(std::int32_t shared) noexcept { return shared >> 4; }
constexpr bool rc_is_dead(std::int32_t shared) noexcept {
  return (shared & rc_merged) != 0 && rc_count(shared) == 0;
}
inline bool rc_is_dead(const rc_header& object) noexcept {
  return rc_is_dead(object.shared.load(std::memory_order_acquire));
}

[[noreturn, gnu::cold, gnu::noinline]] inline void rc_refuse(const char* what, const void* object) {
  std::fprintf(stderr, "loam: %s %p\n", what, object);
  std::abort();
}

// A reference more for a thread that is not the owner, and has one or is kept from losing it.
inline void rc_retain_shared(rc_header& object) noexcept {
  const std::int32_t before = object.shared.fetch_add(rc_one, std::memory_order_relaxed);
  if (rc_count(before) >= rc_most) [[unlikely]]
    rc_refuse("more references than can be counted, to", &object);
}

inline void rc_hold_memory(rc_header& object) noexcept {
  object.weak.fetch_add(1, std::memory_order_relaxed);
}
// Without the locked instruction where nobody else can be looking: the last one is alone.
inline void rc_drop_memory(rc_header& object) noexcept {
  if (object.weak.load(std::memory_order_acquire) == 1 ||
      object.weak.fetch_sub(1, std::memory_order_acq_rel) == 1)
    object.type->free(object);
}

}  // namespace detail
}  // namespace loam

#endif

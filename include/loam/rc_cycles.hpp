// rc_cycles.hpp - collecting what counted objects in a ring keep of each other.
//
//   loam::collect_cycles()         destroys the cycles that nobody outside holds
//   loam::collect_cycles(budget)   the same in steps of a bounded time
//   loam/rc_trace.hpp              how a type takes part
//
// By trial deletion (D. Bacon, V. Rajan, "Concurrent cycle collection in reference counted systems", 2001): whenever a reference goes
// and others stay, the object is a candidate. What a candidate leads to is garbage if its references all come from there.
// A type without trace() is acyclic: it is never a candidate and costs the collector nothing; a cycle through it is never found. What
// a type's trace() leaves out keeps its target alive; what it tells too often ends the program when it is noticed.
//
// Of a cycle the references are null, and weak references to it too, before the first destructor runs; so that no destructor meets
// an object that is gone. Then each object is destroyed, in the calling thread.
//
// Thread safety: a thread collects what it has made, and what has no living owner: made by a thread that has ended, or unbias()ed, or
// dropped by another one. (Of the latter one collector at a time; another one leaves its candidates for later.) Others may copy, drop
// and lock references meanwhile. But the fields that trace() tells must not be changed then by another thread: a graph with
// cycles belongs to one thread at a time, or to the holder of a lock. A cycle through objects of several living threads stays.
//
// Cost: a candidate is entered once, 3 ns, and then costs nothing until it is collected. Collecting takes time and memory in proportion to
// what the candidates lead to, live or not.
//
// Under `loam check` a cycle that is left at the end of the process is a leak, and the finding names the types and fields that hold it
// (LOAM_RC_FIELDS; without it the types alone).
#ifndef LOAM_RC_CYCLES_HPP
#define LOAM_RC_CYCLES_HPP

#include <loam/detail/rc_collector.hpp>
#include <loam/rc.hpp>
#include <loam/rc_trace.hpp>

#include <chrono>
#include <cstddef>

namespace loam {

// All candidates of this thread, and of threads that have ended. Returns how many objects were destroyed. Throws std::bad_alloc;
// the candidates stay then. Called by a destructor or by trace() it does nothing.
inline std::size_t collect_cycles() { return detail::rc_collector::collect_all(); }

// The same in steps: does what can be done in about `budget`, and goes on there in the next call; the program may change
// everything in between. Longer take only a destructor of the program and a single cycle that is large itself (see docs/library/rc.md).
inline cycle_progress collect_cycles(std::chrono::nanoseconds budget) {
  return detail::rc_collector::step(budget);
}

// Candidates of this thread.
inline std::size_t cycle_candidates() noexcept {
  const detail::rc_thread* const mine = detail::rc_record();
  return mine == nullptr ? 0 : mine->candidates.size();
}

}  // namespace loam

#endif

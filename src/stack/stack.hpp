// Stacks of return addresses, as the modes above use them: one call that gives the id of the calling thread's stack, one that gives the
// frames of an id, and what is to be told to this floor.
//
// Exact: frames come from the unwind information of the modules, never from a hash of a part; what could only be guessed is marked
// in the frame, and a stack that could not be followed to its end says so.
// Locking: none. capture_id() is async-signal-safe, takes no lock that the program could hold, allocates nothing but metadata, and
// needs neither libgcc nor the loader. Never call it with a lock of the heap held: it may map metadata.
//
// A mode, on its slow path:
//   Registers here;
//   Registers::here(here);
//   const Id id = capture_id(memo, here, __builtin_dwarf_cfa());  // of the exported function
#pragma once

#include <cstdint>

#include "stack/depot.hpp"
#include "stack/frame.hpp"
#include "stack/memo.hpp"
#include "stack/registers.hpp"

namespace loam::stack {

// Once, before the first capture; again does nothing. Returns false if there is no memory: captures work, slowly.
bool prepare();

// A memo for a thread, to be had from where it keeps its own things and given back when it ends. Null if there is no memory. In the
// child of a fork those of the other threads are lost.
Memo* attach_memo();
void release_memo(Memo* memo);

// The stack from these registers outwards, without the frames whose stack lies below `inside`: pass the CFA of the function that the
// program called, null for all frames. `memo` may be null. Returns kNoStack only if there is no memory.
inline Id capture_id(Memo* memo, const Registers& start, const void* inside);

// The frames of an id, innermost first, as many as fit.
Resolved resolve(Id id, Frame* buffer, uint32_t capacity);

// The same, from the rows of the modules, without a memo: what a memo does not keep.
Id capture_by_walk(const Registers& start, const void* inside);

inline Id capture_id(Memo* memo, const Registers& start, const void* inside) {
  if (memo != nullptr && !start.interrupted) [[likely]] {
    const Id id = memo->capture(start, inside);
    if (id != kNoStack) [[likely]]
      return id;
  }
  return capture_by_walk(start, inside);
}

}  // namespace loam::stack

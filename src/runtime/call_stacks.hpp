// The stacks that check mode remembers: of whoever called an exported function, and of an access that faulted.
// Locking: none; async-signal-safe.
#pragma once

#include "check/record.hpp"
#include "stack/stack.hpp"
#include "sys/access.hpp"

namespace loam::runtime {

// What lies above `frame`. *memo is made if there is none; `memo` is null for a thread without a place to keep it. Inlined, as each frame
// of our own below `frame` is walked too.
[[gnu::always_inline]] inline check::StackId stack_above(stack::Memo** memo, const void* frame) {
  stack::Registers here;
  stack::Registers::here(here);
  if (memo != nullptr && *memo == nullptr) [[unlikely]]
    *memo = stack::attach_memo();
  return stack::capture_id(memo == nullptr ? nullptr : *memo, here, frame);
}

// Of the access that a signal handler got this context for. The innermost frame is the instruction itself; of a jump to a bad
// address it is the place behind the call.
check::StackId stack_of_access(const void* context, sys::AccessKind kind);

}  // namespace loam::runtime

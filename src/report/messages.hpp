// The wording of every message that the runtime prints, each a function of its own. Written to standard error in one
// write; allocates nothing, takes no lock, async-signal-safe.
#pragma once

#include "heap/fault.hpp"
#include "policy/policy.hpp"

namespace loam::report {

enum class Operation : uint8_t { kFree, kRealloc, kUsableSize };

// A pointer into the heap that is no live block's start. Ends the process.
[[noreturn]] void fault(Operation operation, const heap::Fault& fault);

// A pointer that is not the heap's. `place`: stack, data, unmapped, metadata, mapping. Ends the process.
[[noreturn]] void not_a_block(Operation operation, const void* pointer, const char* place);

void bad_option(const char* text);
// loam stands aside: the program runs on the C library's malloc.
void passive(const char* why);
// A sentence about what is wrong here, for whoever asked for it.
void complaint(const char* text);

// What the heap chose at start.
struct Choices {
  const char* source;
  bool advice;
  uint64_t purge_delay_ms;
  bool counted;
};
void started(const Choices& choices);
// The same for a region under a placement policy.
void placed(const char* policy, const char* source);
// What such a region was asked until the end. `elsewhere`: allocations that it did not serve.
void placement(const char* policy, const policy::Figures& figures, uint64_t elsewhere);

}  // namespace loam::report

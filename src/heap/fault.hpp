// What the heap tells the floors above when a program hands it a pointer that it must not. The heap detects and
// describes; wording and consequence are registered from above.
#pragma once

#include <cstddef>
#include <cstdint>

namespace loam::heap {

enum class FaultKind : uint8_t {
  kDoubleFree,  // the block is free already
  kInterior,    // inside a block
  kNotABlock,   // in a span's unused rest, or in free slices
};

struct Fault {
  FaultKind kind;
  const void* pointer;
  const void* block;  // start of the block, null if none
  size_t size;        // of the block, bytes
  const void* span;   // start of the span
  size_t span_size;   // bytes
  bool live;
};

// Called on a fault; what it returns to must cope: the heap leaves the pointer alone then.
using FaultHandler = void (*)(const Fault&);
extern constinit FaultHandler fault_handler;
void raise_fault(const Fault& fault);

}  // namespace loam::heap

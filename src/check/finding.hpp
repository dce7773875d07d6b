// A finding: one defect of the program, as the floors below the report know it. Owns nothing; `report` is registered from
// above, and writes it to where the tool reads it.
// Locking: none. Findings may be made by several threads at once, and in signal handlers.
#pragma once

#include "check/record.hpp"

namespace loam::check {

enum class Kind : uint8_t {
  kDoubleFree,
  kInvalidFree,
  kMismatchedFree,
  kOverflow,
  kUnderflow,
  kUseAfterFree,
};

// How it came to light, which is what the report can promise about it.
enum class Evidence : uint8_t {
  kCall,        // in the very call that is wrong
  kFault,       // in the very access
  kCanary,      // damaged, seen later: at free, or at the end
  kPoison,      // of a freed block, damaged: seen later
  kPoisonRead,  // the program followed a pointer that it read from a freed block
};

// kRelease: a pointer that was read from a freed block was itself given to free.
enum class Access : uint8_t { kUnknown, kRead, kWrite, kExecute, kRelease };

struct Finding {
  Kind kind;
  Evidence evidence;
  Access access;
  Family allocated_as;
  Family freed_as;
  bool sized;        // a sized delete: the size is what does not match
  uint64_t address;  // that was passed, read or written
  uint64_t block;    // 0: none known
  uint64_t size;     // of the block
  int64_t offset;    // of the address from the block's start
  uint64_t extent;   // damaged bytes, or the size given to delete
  uint32_t thread;   // that met it
  uint32_t allocated_by;
  uint32_t freed_by;
  StackId here;  // the call or the access; 0 when the access itself was not seen
  StackId allocated_at;
  StackId freed_at;
  const char* place;  // what an invalid pointer points to, else null
  bool exact;         // the innermost address of `here` is the instruction itself, no return address
};

// What the floor above gives this one. Called with no lock held.
struct Hooks {
  void (*report)(const Finding& finding);
};

}  // namespace loam::check

// How a symbol is exported: C linkage, visible although the library hides all else. The version script must name it.
// And who called it. No state, no locking.
#pragma once

#include "runtime/runtime.hpp"

#define LOAM_EXPORT extern "C" __attribute__((visibility("default")))

namespace loam {

// Requires: stands in the exported function itself, or in one that it ends by calling: the caller's frames are those above
// the function in which this is written.
__attribute__((always_inline)) inline runtime::Origin called(
    runtime::Symbol symbol, runtime::Family family = runtime::Family::kMalloc) {
  return {symbol, family, __builtin_dwarf_cfa()};
}

}  // namespace loam

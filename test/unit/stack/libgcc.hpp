// What libgcc finds, as the reference: return addresses from the caller of the function whose CFA is `inside` outwards.
#pragma once

#include <unwind.h>

#include <cstdint>
#include <vector>

namespace loam::stack {

struct Wanted {
  uint64_t boundary;
  std::vector<uint64_t> pcs;
};

inline std::vector<uint64_t> by_libgcc(const void* inside) {
  Wanted wanted{reinterpret_cast<uint64_t>(inside), {}};
  _Unwind_Backtrace(
      [](_Unwind_Context* context, void* argument) {
        auto& into = *static_cast<Wanted*>(argument);
        const uint64_t pc = _Unwind_GetIP(context);
        if (_Unwind_GetCFA(context) >= into.boundary && pc != 0) into.pcs.push_back(pc);
        return _URC_NO_REASON;
      },
      &wanted);
  return wanted.pcs;
}

}  // namespace loam::stack

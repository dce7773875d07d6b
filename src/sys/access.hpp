// What the access was that ended in a signal, read from the kernel's signal frame. No state, no locking.
#pragma once

#include <ucontext.h>

#include <cstdint>

namespace loam::sys {

enum class AccessKind : uint8_t { kUnknown, kRead, kWrite, kExecute };

struct Access {
  uint64_t instruction;
  uint64_t stack;
  AccessKind kind;
};

inline Access access_of(const void* context, uint64_t fault_address) {
#if defined(__x86_64__)
  const auto& machine = static_cast<const ucontext_t*>(context)->uc_mcontext;
  constexpr uint64_t kWriteBit = 2;
  constexpr uint64_t kFetchBit = 16;
  const auto instruction = static_cast<uint64_t>(machine.gregs[REG_RIP]);
  const auto error = static_cast<uint64_t>(machine.gregs[REG_ERR]);
  const bool fetch = (error & kFetchBit) != 0 || instruction == fault_address;
  return {instruction, static_cast<uint64_t>(machine.gregs[REG_RSP]),
          fetch                      ? AccessKind::kExecute
          : (error & kWriteBit) != 0 ? AccessKind::kWrite
                                     : AccessKind::kRead};
#elif defined(__aarch64__)
  const auto& machine = static_cast<const ucontext_t*>(context)->uc_mcontext;
  return {machine.pc, machine.sp, machine.pc == fault_address ? AccessKind::kExecute : AccessKind::kUnknown};
#endif
}

}  // namespace loam::sys

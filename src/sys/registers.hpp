// What a stopped thread had in its registers, and how glibc marks the block that describes a thread.
// Pure reading of the kernel's signal frame: no state, no locking.
#pragma once

#include <ucontext.h>

#include <cstddef>
#include <cstdint>

#include "sys/sanitizer.hpp"

namespace loam::sys {

constexpr unsigned kMostRegisters = 32;
constexpr unsigned kMostWeakWords = 64;

struct Registers {
  uint64_t stack;           // the stack pointer
  uint64_t thread_pointer;  // where the thread's own block lies
  uint32_t count;
  uint32_t weak_count;
  uint64_t words[kMostRegisters];
  // What often holds something left over: the vector registers, two words each, and of a thread in a system call those that no
  // caller expects to come through a call.
  uint64_t weak[kMostWeakWords];
};

// Registers that a function may leave anything in, and a thread that waits in the kernel does not show.
#if defined(__x86_64__)
constexpr unsigned kUnseenRegisters = 6;
constexpr uint64_t kRedZone = 128;  // below the stack pointer, still the running function's
#else
constexpr unsigned kUnseenRegisters = 11;
constexpr uint64_t kRedZone = 0;
#endif

#if defined(__x86_64__)
// Whether the instruction pointer stands behind a system call, or at one that is to be made again.
LOAM_UNWATCHED inline bool is_in_system_call(uint64_t pc) {
  const auto is_call = [](uint64_t address) {
    constexpr uint64_t kPage = 4096;
    if (address % kPage == kPage - 1) return false;  // the next page need not be there
    const auto* code = reinterpret_cast<const volatile uint8_t*>(address);
    return code[0] == 0x0f && code[1] == 0x05;
  };
  return is_call(pc) || (pc % 4096 >= 2 && is_call(pc - 2));
}
#endif

inline uint64_t thread_pointer() { return reinterpret_cast<uint64_t>(__builtin_thread_pointer()); }

// Of the thread that a signal handler with this context interrupted, which runs the caller.
LOAM_UNWATCHED inline void read_registers(const ucontext_t& context, Registers* registers) {
  registers->thread_pointer = thread_pointer();
#if defined(__x86_64__)
  registers->stack = static_cast<uint64_t>(context.uc_mcontext.gregs[REG_RSP]);
  registers->count = 0;
  registers->weak_count = 0;
  const bool waits = is_in_system_call(static_cast<uint64_t>(context.uc_mcontext.gregs[REG_RIP]));
  for (int i = REG_R8; i <= REG_RCX; ++i) {
    const auto word = static_cast<uint64_t>(context.uc_mcontext.gregs[i]);
    if (waits && (i <= REG_R11 || i == REG_RCX))
      registers->weak[registers->weak_count++] = word;
    else
      registers->words[registers->count++] = word;
  }
  if (context.uc_mcontext.fpregs == nullptr) return;
  for (const auto& vector : context.uc_mcontext.fpregs->_xmm) {
    for (size_t half = 0; half < 2; ++half) {
      const uint64_t low = vector.element[2 * half];
      const uint64_t high = vector.element[2 * half + 1];
      registers->weak[registers->weak_count++] = low | high << 32;
    }
  }
#else
  registers->stack = context.uc_mcontext.sp;
  registers->count = 0;
  for (uint64_t word : context.uc_mcontext.regs) registers->words[registers->count++] = word;
  registers->weak_count = 0;
#endif
}

// Whether glibc's description of a thread starts at the address: it holds its own address twice. On processors where nothing
// marks it, never.
constexpr uint64_t kThreadBlockAlignment = 64;
constexpr uint64_t kThreadBlockBytes = 2304;
// In it, where the table of the thread's dynamic storage is named, which the C library keeps with the stack.
constexpr uint64_t kThreadTableOffset = 8;
LOAM_UNWATCHED inline bool is_thread_block(uint64_t address) {
#if defined(__x86_64__)
  const auto* words = reinterpret_cast<const volatile uint64_t*>(address);
  return words[0] == address && words[2] == address;
#else
  (void)address;
  return false;
#endif
}

}  // namespace loam::sys

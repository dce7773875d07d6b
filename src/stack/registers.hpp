// The registers of x86-64 that a stack walk needs, numbered as DWARF numbers them, and how they are had: here and now, or from
// the context that a signal handler is given. The one file of this folder that names the architecture's registers.
// Invariant: value[i] means something only if bit i of `known` is set. Plain data, no locking.
#pragma once

#include <ucontext.h>

#include <cstdint>

namespace loam::stack {

enum : unsigned { kRbx = 3, kRbp = 6, kRsp = 7, kR12 = 12, kR15 = 15, kReturnAddress = 16 };
constexpr unsigned kRegisterCount = 17;

struct Registers {
  uint64_t value[kRegisterCount];
  uint32_t known;
  // The pc is that of the next instruction (of an interrupted frame), not one that follows a call.
  bool interrupted;

  // NOLINTNEXTLINE(clang-analyzer-core.uninitialized.UndefReturn): it does not see that here() writes it
  uint64_t pc() const { return value[kReturnAddress]; }
  uint64_t sp() const { return value[kRsp]; }
  uint64_t bp() const { return value[kRbp]; }
  bool has(unsigned number) const { return (known >> number & 1) != 0; }
  void set(unsigned number, uint64_t word) {
    value[number] = word;
    known |= 1u << number;
  }

  // What a function called from here finds saved: the pc is in the caller's function, behind a complete instruction.
  [[gnu::always_inline]] static inline void here(Registers& out) {
    asm volatile(
        "leaq 0(%%rip), %%rax\n\t"
        "movq %%rax, 128(%0)\n\t"
        "movq %%rbx, 24(%0)\n\t"
        "movq %%rbp, 48(%0)\n\t"
        "movq %%rsp, 56(%0)\n\t"
        "movq %%r12, 96(%0)\n\t"
        "movq %%r13, 104(%0)\n\t"
        "movq %%r14, 112(%0)\n\t"
        "movq %%r15, 120(%0)"
        :
        : "r"(out.value)
        : "rax", "memory");
    out.known = 1u << kRbx | 1u << kRbp | 1u << kRsp | 0xfu << kR12 | 1u << kReturnAddress;
    out.interrupted = false;
  }

  static Registers of(const ucontext_t& context) {
    constexpr int kPlaces[kRegisterCount] = {REG_RAX, REG_RDX, REG_RCX, REG_RBX, REG_RSI, REG_RDI,
                                             REG_RBP, REG_RSP, REG_R8,  REG_R9,  REG_R10, REG_R11,
                                             REG_R12, REG_R13, REG_R14, REG_R15, REG_RIP};
    Registers out{};
    for (unsigned i = 0; i < kRegisterCount; ++i)
      out.value[i] = static_cast<uint64_t>(context.uc_mcontext.gregs[kPlaces[i]]);
    out.known = (1u << kRegisterCount) - 1;
    out.interrupted = true;
    return out;
  }
};

}  // namespace loam::stack

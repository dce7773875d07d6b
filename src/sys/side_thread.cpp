#include "sys/side_thread.hpp"

#include <sched.h>

#include <cstdint>

#include "sys/held_signals.hpp"
#include "sys/syscall.hpp"

namespace loam::sys {

namespace {
// CLONE_THREAD rather than a process of its own, which would be a child that the program might wait for. CLONE_FILES, since
// copying the table takes its time and is not for the thread that the program waits for: see leave_descriptors().
constexpr long kFlags =
    CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD | CLONE_SYSVSEM | CLONE_SETTLS;
constexpr long kCloseRangeUnshare = 2;  // Linux 5.9: copies only what is not to be closed, here nothing
}  // namespace

bool start_side_thread(SideThread run, void* argument, void* stack_end, void* storage) {
  // It inherits the mask, and would run the program's handlers. It never comes back here to change it.
  const HeldSignals signals(kEverySignal);
  auto* stack = static_cast<void**>(stack_end) - 2;
  stack[0] = reinterpret_cast<void*>(run);
  stack[1] = argument;
  *static_cast<void**>(storage) = storage;  // the thread pointer points to itself
#if defined(__x86_64__)
  long result;
  register long child_word asm("r10") = 0;
  register void* thread_pointer asm("r8") = storage;
  asm volatile(
      "syscall\n\t"
      "testq %%rax, %%rax\n\t"
      "jnz 1f\n\t"
      "xorl %%ebp, %%ebp\n\t"
      "popq %%rax\n\t"
      "popq %%rdi\n\t"
      "callq *%%rax\n\t"
      "ud2\n"
      "1:"
      : "=a"(result)
      : "a"(SYS_clone), "D"(kFlags), "S"(stack), "d"(0), "r"(child_word), "r"(thread_pointer)
      : "rcx", "r11", "memory");
#else
  register long result asm("x0") = kFlags;
  register void* child_stack asm("x1") = stack;
  register long parent_word asm("x2") = 0;
  register void* thread_pointer asm("x3") = storage;
  register long child_word asm("x4") = 0;
  register long number asm("x8") = SYS_clone;
  asm volatile(
      "svc 0\n\t"
      "cbnz x0, 1f\n\t"
      "mov x29, xzr\n\t"
      "ldp x1, x0, [sp], #16\n\t"
      "blr x1\n\t"
      "brk 0\n"
      "1:"
      : "+r"(result)
      : "r"(child_stack), "r"(parent_word), "r"(thread_pointer), "r"(child_word), "r"(number)
      : "memory");
#endif
  return !failed(result);
}

bool leave_descriptors() {
  if (!failed(raw_call(SYS_close_range, 0, UINT32_MAX, kCloseRangeUnshare))) return true;
  return !failed(raw_call(SYS_unshare, CLONE_FILES));
}

void leave_side_thread(void* memory, size_t bytes) {
  // Without a stack from the first call on.
#if defined(__x86_64__)
  asm volatile(
      "syscall\n\t"
      "xorl %%edi, %%edi\n\t"
      "movl %0, %%eax\n\t"
      "syscall\n\t"
      "ud2"
      :
      : "i"(SYS_exit), "a"(SYS_munmap), "D"(memory), "S"(bytes)
      : "rcx", "r11", "memory");
#else
  register void* start asm("x0") = memory;
  register size_t size asm("x1") = bytes;
  register long number asm("x8") = SYS_munmap;
  asm volatile(
      "svc 0\n\t"
      "mov x0, xzr\n\t"
      "mov x8, %3\n\t"
      "svc 0\n\t"
      "brk 0"
      :
      : "r"(start), "r"(size), "r"(number), "i"(SYS_exit)
      : "memory");
#endif
  __builtin_unreachable();
}

}  // namespace loam::sys

// A system call without libc around it: no errno, no cancellation point, no symbol that another library could
// interpose. Returns the kernel's answer: a value, or -errno in the range -4095 to -1.
#pragma once

#include <sys/syscall.h>

#include <cstdint>

#include "sys/sanitizer.hpp"

#if LOAM_WATCHED_THREADS
#include <errno.h>
#include <sys/mman.h>
#endif

namespace loam::sys {

#if defined(__x86_64__)
inline long raw_call(long number, long a = 0, long b = 0, long c = 0, long d = 0, long e = 0, long f = 0) {
  long result;
  register long r10 asm("r10") = d;
  register long r8 asm("r8") = e;
  register long r9 asm("r9") = f;
  asm volatile("syscall"
               : "=a"(result)
               : "a"(number), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
               : "rcx", "r11", "memory");
  return result;
}
#elif defined(__aarch64__)
inline long raw_call(long number, long a = 0, long b = 0, long c = 0, long d = 0, long e = 0, long f = 0) {
  register long x8 asm("x8") = number;
  register long x0 asm("x0") = a;
  register long x1 asm("x1") = b;
  register long x2 asm("x2") = c;
  register long x3 asm("x3") = d;
  register long x4 asm("x4") = e;
  register long x5 asm("x5") = f;
  asm volatile("svc 0" : "+r"(x0) : "r"(x8), "r"(x1), "r"(x2), "r"(x3), "r"(x4), "r"(x5) : "memory");
  return x0;
}
#else
#error "loam knows the system call convention of x86-64 and aarch64 only"
#endif

#if LOAM_WATCHED_THREADS
// mmap through libc, where the thread sanitizer sees it: else a new mapping would have the accesses to the one that was there
// before for its past.
inline long map_call(long address, long bytes, long protection, long flags, long descriptor, long offset) {
  const int kept_errno = errno;
  void* mapped =
      mmap(reinterpret_cast<void*>(address), static_cast<size_t>(bytes), static_cast<int>(protection),
           static_cast<int>(flags), static_cast<int>(descriptor), offset);
  const long result = mapped == MAP_FAILED ? -errno : reinterpret_cast<long>(mapped);
  errno = kept_errno;
  return result;
}
#else
inline long map_call(long address, long bytes, long protection, long flags, long descriptor, long offset) {
  return raw_call(SYS_mmap, address, bytes, protection, flags, descriptor, offset);
}
#endif

inline bool failed(long result) { return result < 0 && result >= -4095; }

}  // namespace loam::sys

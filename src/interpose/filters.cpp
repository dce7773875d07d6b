// The functions by which a process has its system calls filtered (seccomp). Afterwards a call that the program does not make itself
// may end it: check mode is told before, and keeps to what any malloc calls.
#include <stdarg.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#include "interpose/refused.hpp"
#include "runtime/interposed.hpp"

namespace {

using loam::interpose::Call;

LOAM_NEXT Call<int(int, unsigned long, unsigned long, unsigned long, unsigned long)> next_prctl{{"prctl"}};
LOAM_NEXT Call<long(long, long, long, long, long, long, long)> next_syscall{{"syscall"}};

void before_filter() {
  if (loam_check_filters != nullptr) loam_check_filters();
}

}  // namespace

// As many arguments are read as the C library's own functions read.
LOAM_INTERPOSED int prctl(int option, ...) noexcept {
  va_list more;
  va_start(more, option);
  const auto a = va_arg(more, unsigned long);
  const auto b = va_arg(more, unsigned long);
  const auto c = va_arg(more, unsigned long);
  const auto d = va_arg(more, unsigned long);
  va_end(more);
  if (option == PR_SET_SECCOMP) before_filter();
  return next_prctl(option, a, b, c, d);
}

LOAM_INTERPOSED long syscall(long number, ...) noexcept {
  va_list more;
  va_start(more, number);
  const long a = va_arg(more, long);
  const long b = va_arg(more, long);
  const long c = va_arg(more, long);
  const long d = va_arg(more, long);
  const long e = va_arg(more, long);
  const long f = va_arg(more, long);
  va_end(more);
  if (number == SYS_seccomp) before_filter();
  return next_syscall(number, a, b, c, d, e, f);
}

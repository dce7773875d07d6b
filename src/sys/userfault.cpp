#include "sys/userfault.hpp"

#include <fcntl.h>

#include "sys/filter.hpp"
#include "sys/syscall.hpp"

namespace loam::sys::userfault {

namespace {

struct Api {
  uint64_t api;
  uint64_t features;
  uint64_t calls;
};
struct Range {
  uint64_t start;
  uint64_t bytes;
};
struct Register {
  Range range;
  uint64_t mode;
  uint64_t calls;
};
struct Protect {
  Range range;
  uint64_t mode;
};
static_assert(sizeof(Api) == 24 && sizeof(Register) == 32 && sizeof(Protect) == 24);
constexpr long kApiCall = 0xc018aa3f;         // _IOWR(0xaa, 0x3f, Api)
constexpr long kRegisterCall = 0xc020aa00;    // _IOWR(0xaa, 0x00, Register)
constexpr long kUnregisterCall = 0x8010aa01;  // _IOR(0xaa, 0x01, Range)
constexpr long kProtectCall = 0xc018aa06;     // _IOWR(0xaa, 0x06, Protect)
constexpr uint64_t kApi = 0xaa;
constexpr long kUserModeOnly = 1;

constexpr long kLeastDescriptor = 700;
constexpr long kNotStandard = 3;

// With few descriptors allowed it takes what there is, but never what a program takes for its standard input or output.
long out_of_the_way(long descriptor) {
  long moved = raw_call(SYS_fcntl, descriptor, F_DUPFD_CLOEXEC, kLeastDescriptor);
  if (failed(moved)) moved = raw_call(SYS_fcntl, descriptor, F_DUPFD_CLOEXEC, kNotStandard);
  raw_call(SYS_close, descriptor);
  return moved;
}

}  // namespace

long open(uint64_t features) {
  constexpr long kRefused = -1;
  if (is_filtered()) return kRefused;
  long descriptor = raw_call(SYS_userfaultfd, O_CLOEXEC | O_NONBLOCK | kUserModeOnly);
  if (failed(descriptor)) return descriptor;
  descriptor = out_of_the_way(descriptor);
  if (failed(descriptor)) return descriptor;
  Api api{kApi, features, 0};
  const long result = raw_call(SYS_ioctl, descriptor, kApiCall, reinterpret_cast<long>(&api));
  if (!failed(result)) return descriptor;
  raw_call(SYS_close, descriptor);
  return result;
}

long watch(long descriptor, uint64_t start, uint64_t bytes, uint64_t mode) {
  Register range{{start, bytes}, mode, 0};
  return raw_call(SYS_ioctl, descriptor, kRegisterCall, reinterpret_cast<long>(&range));
}

long open_pages(long descriptor, uint64_t start, uint64_t bytes) {
  Protect protect{{start, bytes}, 0};
  return raw_call(SYS_ioctl, descriptor, kProtectCall, reinterpret_cast<long>(&protect));
}

void unwatch(long descriptor, uint64_t start, uint64_t bytes) {
  Range range{start, bytes};
  raw_call(SYS_ioctl, descriptor, kUnregisterCall, reinterpret_cast<long>(&range));
}

}  // namespace loam::sys::userfault

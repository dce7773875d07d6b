#include "sys/kernel.hpp"

#include <errno.h>
#include <fcntl.h>
#include <linux/mman.h>
#include <signal.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/sysinfo.h>
#include <time.h>
#include <unistd.h>

#include <atomic>

#include "base/text.hpp"
#include "sys/syscall.hpp"

namespace loam::sys {

namespace {

struct Counter {
  std::atomic<uint64_t> calls{0};
  std::atomic<uint64_t> failures{0};
  std::atomic<uint64_t> bytes{0};
};

constinit Counter counters[kCallKinds];
constinit std::atomic<uint64_t> all_calls{0};
constinit std::atomic<uint64_t> fail_at{0};  // value of all_calls at which to fail; 0 is never
constinit std::atomic<bool> fail_after{false};
constinit std::atomic<CallObserver> observer{nullptr};

bool told_to_fail(uint64_t number) {
  const uint64_t at = fail_at.load(std::memory_order_relaxed);
  if (at == 0) return false;
  return number == at || (number > at && fail_after.load(std::memory_order_relaxed));
}

// Counts one call around its execution, whoever makes it.
class CountedCall {
 public:
  explicit CountedCall(Call kind, uint64_t bytes) : kind_(kind), bytes_(bytes) {
    counters[static_cast<size_t>(kind)].calls.fetch_add(1, std::memory_order_relaxed);
    counters[static_cast<size_t>(kind)].bytes.fetch_add(bytes, std::memory_order_relaxed);
    refused_ = told_to_fail(all_calls.fetch_add(1, std::memory_order_relaxed) + 1);
    observer_ = observer.load(std::memory_order_relaxed);
    if (observer_ != nullptr) start_ = monotonic_ns();
  }

  bool refused() const { return refused_; }

  void finish(bool succeeded) {
    if (!succeeded) counters[static_cast<size_t>(kind_)].failures.fetch_add(1, std::memory_order_relaxed);
    if (observer_ != nullptr) observer_(kind_, monotonic_ns() - start_, bytes_, !succeeded);
  }

 private:
  Call kind_;
  uint64_t bytes_;
  bool refused_ = false;
  CallObserver observer_ = nullptr;
  uint64_t start_ = 0;
};

constexpr long kNoMemory = -12;  // ENOMEM

// `bytes` is what the call is about; the system call's arguments follow.
long counted(Call kind, size_t bytes, long number, long a, long b = 0, long c = 0, long d = 0, long e = 0,
             long f = 0) {
  CountedCall call(kind, bytes);
  const long result = call.refused()       ? kNoMemory
                      : number == SYS_mmap ? map_call(a, b, c, d, e, f)
                                           : raw_call(number, a, b, c, d, e, f);
  call.finish(!failed(result));
  return result;
}

long word(const void* pointer) { return reinterpret_cast<long>(pointer); }
long word(size_t number) { return static_cast<long>(number); }

constexpr long kOccupied = -17;  // EEXIST

Mapping mapped_at(void* at, size_t bytes, long result) {
  if (failed(result)) return {nullptr, result == kOccupied};
  auto* address = reinterpret_cast<void*>(result);
  if (at != nullptr && address != at) {  // a kernel before 4.17 takes MAP_FIXED_NOREPLACE for a hint
    raw_call(SYS_munmap, result, word(bytes));
    return {nullptr, true};
  }
  return {address, false};
}

}  // namespace

const char* call_name(Call call) {
  static constexpr const char* kNames[kCallKinds] = {"mmap",         "munmap",   "mremap", "madvise-purge",
                                                     "madvise-huge", "mprotect", "brk-up", "brk-down",
                                                     "file-growth",  "guard"};
  return kNames[static_cast<size_t>(call)];
}

CallCount call_count(Call call) {
  const Counter& counter = counters[static_cast<size_t>(call)];
  return {counter.calls.load(std::memory_order_relaxed), counter.failures.load(std::memory_order_relaxed),
          counter.bytes.load(std::memory_order_relaxed)};
}

uint64_t total_calls() { return all_calls.load(std::memory_order_relaxed); }
void set_observer(CallObserver called) { observer.store(called, std::memory_order_relaxed); }

void fail_call(uint64_t nth, bool all_after) {
  fail_after.store(all_after, std::memory_order_relaxed);
  fail_at.store(nth == 0 ? 0 : total_calls() + nth, std::memory_order_relaxed);
}

Mapping map_at(void* at, size_t bytes) {
  return mapped_at(at, bytes,
                   counted(Call::kMap, bytes, SYS_mmap, word(at), word(bytes), PROT_READ | PROT_WRITE,
                           MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0));
}

void* map(size_t bytes, bool reserve_only) {
  const int protection = reserve_only ? PROT_NONE : PROT_READ | PROT_WRITE;
  const int flags = MAP_PRIVATE | MAP_ANONYMOUS | (reserve_only ? MAP_NORESERVE : 0);
  const long result = counted(Call::kMap, bytes, SYS_mmap, 0, word(bytes), protection, flags, -1, 0);
  return failed(result) ? nullptr : reinterpret_cast<void*>(result);
}

void* map_unreserved(size_t bytes) {
  const long result = counted(Call::kMap, bytes, SYS_mmap, 0, word(bytes), PROT_READ | PROT_WRITE,
                              MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  return failed(result) ? nullptr : reinterpret_cast<void*>(result);
}

Mapping map_file_at(void* at, size_t bytes, int descriptor, uint64_t offset) {
  return mapped_at(at, bytes,
                   counted(Call::kMap, bytes, SYS_mmap, word(at), word(bytes), PROT_READ | PROT_WRITE,
                           MAP_PRIVATE | MAP_FIXED_NOREPLACE, descriptor, word(offset)));
}

bool unmap(void* address, size_t bytes) {
  return !failed(counted(Call::kUnmap, bytes, SYS_munmap, word(address), word(bytes)));
}

void* remap(void* address, size_t old_bytes, size_t new_bytes) {
  const long result = counted(Call::kRemap, new_bytes, SYS_mremap, word(address), word(old_bytes),
                              word(new_bytes), MREMAP_MAYMOVE);
  return failed(result) ? nullptr : reinterpret_cast<void*>(result);
}

bool make_writable(void* address, size_t bytes) {
  return !failed(
      counted(Call::kProtect, bytes, SYS_mprotect, word(address), word(bytes), PROT_READ | PROT_WRITE));
}

bool purge(void* address, size_t bytes) {
  return !failed(counted(Call::kPurge, bytes, SYS_madvise, word(address), word(bytes), MADV_DONTNEED));
}

bool advise_huge(void* address, size_t bytes, bool on) {
  return !failed(counted(Call::kAdvise, bytes, SYS_madvise, word(address), word(bytes),
                         on ? MADV_HUGEPAGE : MADV_NOHUGEPAGE));
}

bool join(void* address, size_t bytes) {
  constexpr long kCollapse = 25;  // the headers of this libc are older
  constexpr int kAttempts = 3;
  for (int attempt = 0; attempt < kAttempts; ++attempt) {
    const long result = counted(Call::kAdvise, bytes, SYS_madvise, word(address), word(bytes), kCollapse);
    // Who else has a page in hand (reclaim, another's look at it) makes the kernel refuse for a moment.
    if (result != -EAGAIN) return !failed(result);
  }
  return false;
}

namespace {

// Of Linux 6.13; the headers of this libc are older.
constexpr long kGuardInstall = 102;
constexpr long kGuardRemove = 103;
constexpr long kInvalid = -22;  // EINVAL

constinit std::atomic<bool> heavy_guards{false};

}  // namespace

bool has_light_guards() { return !heavy_guards.load(std::memory_order_relaxed); }

bool guard(void* address, size_t bytes) {
  if (has_light_guards()) {
    const long result = counted(Call::kGuard, bytes, SYS_madvise, word(address), word(bytes), kGuardInstall);
    if (result != kInvalid) return !failed(result);
    heavy_guards.store(true, std::memory_order_relaxed);
  }
  return purge(address, bytes) &&
         !failed(counted(Call::kGuard, bytes, SYS_mprotect, word(address), word(bytes), PROT_NONE));
}

bool unguard(void* address, size_t bytes) {
  if (has_light_guards())
    return !failed(counted(Call::kGuard, bytes, SYS_madvise, word(address), word(bytes), kGuardRemove));
  return !failed(
      counted(Call::kGuard, bytes, SYS_mprotect, word(address), word(bytes), PROT_READ | PROT_WRITE));
}

long page_call(long descriptor, uint64_t request, void* argument, uint64_t bytes) {
  return counted(Call::kGuard, bytes, SYS_ioctl, descriptor, word(request), word(argument));
}

bool empty_on_fork(void* address, size_t bytes) {
  return !failed(raw_call(SYS_madvise, word(address), word(bytes), MADV_WIPEONFORK));
}

char* current_break() { return static_cast<char*>(sbrk(0)); }

bool move_break(char* from, char* to) {
  // Through libc, which remembers the break: a call behind its back would make the program's own sbrk() take our
  // pages away. libc's sbrk moves by a difference, so that somebody else's move in between shows as a wrong start.
  const bool up = to >= from;
  CountedCall call(up ? Call::kBreakUp : Call::kBreakDown, static_cast<uint64_t>(up ? to - from : from - to));
  const int kept_errno = errno;
  bool moved = false;
  if (!call.refused()) {
    void* before = sbrk(to - from);
    moved = before == from;
    if (!moved && before != reinterpret_cast<void*>(-1)) sbrk(from - to);
  }
  errno = kept_errno;
  call.finish(moved);
  return moved;
}

int open_unlinked(const char* path) {
  base::Text name;
  name.add(path).add(".").add(process_id()).add(".").add_hex(monotonic_ns());
  const long file =
      raw_call(SYS_openat, AT_FDCWD, word(name.data()), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  if (failed(file)) return static_cast<int>(file);
  raw_call(SYS_unlinkat, AT_FDCWD, word(name.data()), 0);
  return static_cast<int>(file);
}

bool grow_file(int descriptor, uint64_t bytes) {
  // Writing the last byte, not ftruncate: after a fork parent and child share the file, and neither may cut it short
  // under the other.
  const char zero = 0;
  return !failed(counted(Call::kResize, bytes, SYS_pwrite64, descriptor, word(&zero), 1, word(bytes - 1)));
}

uint32_t thread_id() { return static_cast<uint32_t>(raw_call(SYS_gettid)); }
void yield() { raw_call(SYS_sched_yield); }
uint32_t process_id() { return static_cast<uint32_t>(raw_call(SYS_getpid)); }

namespace {
uint64_t clock_ns(clockid_t clock) {
  timespec now{};
  clock_gettime(clock, &now);
  return static_cast<uint64_t>(now.tv_sec) * 1'000'000'000u + static_cast<uint64_t>(now.tv_nsec);
}
}  // namespace

uint64_t monotonic_ns() { return clock_ns(CLOCK_MONOTONIC); }
uint64_t thread_cpu_ns() { return clock_ns(CLOCK_THREAD_CPUTIME_ID); }
uint64_t coarse_ns() { return clock_ns(CLOCK_MONOTONIC_COARSE); }

uint64_t physical_memory() {
  struct sysinfo info{};
  if (failed(raw_call(SYS_sysinfo, word(&info)))) return uint64_t{1} << 34;
  return static_cast<uint64_t>(info.totalram) * info.mem_unit;
}

uint64_t address_space_limit() {
  rlimit limit{};
  if (failed(raw_call(SYS_prlimit64, 0, RLIMIT_AS, 0, word(&limit)))) return ~uint64_t{0};
  return limit.rlim_cur == RLIM_INFINITY ? ~uint64_t{0} : limit.rlim_cur;
}

uint64_t random_bits() {
  const auto* bytes = reinterpret_cast<const unsigned char*>(getauxval(AT_RANDOM));
  uint64_t bits = monotonic_ns();
  // The second eight bytes: libc makes its stack protector's canary of the first eight.
  for (int i = 8; bytes != nullptr && i < 16; ++i) bits = bits * 257 + bytes[i];
  return bits * 0x9e3779b97f4a7c15u;
}

void write_error(const char* text, size_t bytes) {
  while (bytes > 0) {
    const long written = raw_call(SYS_write, 2, word(text), word(bytes));
    if (written == -4) continue;  // EINTR
    if (written <= 0) return;
    text += written;
    bytes -= static_cast<size_t>(written);
  }
}

void abort_process() {
  // What abort() does, without the lock it takes and the streams it may flush: SIGABRT to this thread, first to the
  // program's handler, then with the default action.
  for (int attempt = 0; attempt < 2; ++attempt) {
    raw_call(SYS_tgkill, static_cast<long>(process_id()), static_cast<long>(thread_id()), SIGABRT);
    struct sigaction standard{};
    standard.sa_handler = SIG_DFL;
    sigaction(SIGABRT, &standard, nullptr);
    sigset_t only_abort;
    sigemptyset(&only_abort);
    sigaddset(&only_abort, SIGABRT);
    sigprocmask(SIG_UNBLOCK, &only_abort, nullptr);
  }
  raw_call(SYS_exit_group, 134);
  __builtin_unreachable();
}

}  // namespace loam::sys

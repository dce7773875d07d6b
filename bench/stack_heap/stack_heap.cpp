// loam-stack-heap: the same object as a local array, by alloca, in an arena and by malloc, over sizes and lifetimes; one JSON array on
// standard output. Run it with the malloc to be measured preloaded.
//
// The heap has been in use before: thousands of blocks of mixed sizes, a random half of them freed. Fresh, every malloc would
// lay its blocks side by side.
//
// Time and faults are measured over whole passes, the first one included; kernel calls are counted in a forked child whose
// system calls the parent watches, so that counting does not disturb the time.
#include <alloca.h>
#include <linux/perf_event.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>
#include <loam/arena.hpp>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <random>
#include <vector>

namespace {

constexpr int kDepth = 16;
constexpr std::size_t kStackBudget = std::size_t{4} << 20U;
constexpr double kPassSeconds = 0.03;
constexpr long kLeastPasses = 20;

// Where the objects of one pass lie, in the order in which they were made; only while somebody asks.
class Places {
 public:
  void begin() { count_ = 0; }
  void note(const void* object) {
    if (count_ < kDepth) [[unlikely]]
      places_[count_++] = reinterpret_cast<std::uintptr_t>(object);
  }
  // Bytes from one to the next, in the mean.
  double mean_stride() const {
    double sum = 0;
    for (std::size_t i = 1; i < count_; ++i) {
      const auto [low, high] = std::minmax(places_[i - 1], places_[i]);
      sum += static_cast<double>(high - low);
    }
    return sum / static_cast<double>(count_ - 1);
  }

 private:
  std::array<std::uintptr_t, kDepth> places_{};
  std::size_t count_ = kDepth;
};
Places g_places;

inline void touch(void* object, std::size_t size) {
  g_places.note(object);
  auto* bytes = static_cast<char*>(object);
  for (std::size_t i = 0; i < size; i += 64) bytes[i] = static_cast<char>(i);
  asm volatile("" : : "r"(object) : "memory");
}

// An array's size is known when the program is compiled: one function for each size.
template <std::size_t kSize>
[[gnu::noinline]] void nest_array(int depth) {
  std::array<char, kSize> object;
  touch(object.data(), kSize);
  if (depth > 1) nest_array<kSize>(depth - 1);
  asm volatile("" : : "r"(object.data()) : "memory");
}

[[gnu::noinline]] void nest_alloca(std::size_t size, int depth) {
  void* object = alloca(size);
  touch(object, size);
  if (depth > 1) nest_alloca(size, depth - 1);
  asm volatile("" : : "r"(object) : "memory");
}

[[gnu::noinline]] void nest_malloc(std::size_t size, int depth) {
  void* object = std::malloc(size);
  if (object == nullptr) std::abort();
  touch(object, size);
  if (depth > 1) nest_malloc(size, depth - 1);
  std::free(object);
}

loam::arena& arena() {
  static loam::arena memory(std::size_t{256} << 10U);
  return memory;
}

[[gnu::noinline]] void nest_arena(std::size_t size, int depth) {
  const loam::arena::scope here(arena());
  touch(arena().allocate(size), size);
  if (depth > 1) nest_arena(size, depth - 1);
}

void outlive_arena(std::size_t size, int depth) {
  for (int i = 0; i < depth; ++i) touch(arena().allocate(size), size);
  arena().reset();
}

[[gnu::noinline]] void* make(std::size_t size) {
  void* object = std::malloc(size);
  if (object == nullptr) std::abort();
  touch(object, size);
  return object;
}

void outlive_malloc(std::size_t size, int depth) {
  std::array<void*, kDepth> objects{};
  for (int i = 0; i < depth; ++i) objects[static_cast<std::size_t>(i)] = make(size);
  for (int i = 0; i < depth; ++i) std::free(objects[static_cast<std::size_t>(i)]);
}

struct Size {
  std::size_t bytes;
  void (*array)(int depth);
};

constexpr std::array kSizes{
    Size{16, nest_array<16>},       Size{64, nest_array<64>},           Size{256, nest_array<256>},
    Size{1024, nest_array<1024>},   Size{4096, nest_array<4096>},       Size{16384, nest_array<16384>},
    Size{65536, nest_array<65536>}, Size{1048576, nest_array<1048576>},
};

enum class Placement { kArray, kAlloca, kArena, kMalloc };
constexpr std::array kPlacementNames{"array", "alloca", "arena", "malloc"};
enum class Lifetime { kCall, kNested, kOutliving };
constexpr std::array kLifetimeNames{"call", "nested", "outliving"};

struct Case {
  Placement placement;
  Lifetime lifetime;
  Size size;

  int depth() const { return lifetime == Lifetime::kCall ? 1 : kDepth; }

  void run(long passes) const {
    for (long i = 0; i < passes; ++i) {
      switch (placement) {
        case Placement::kArray:
          size.array(depth());
          break;
        case Placement::kAlloca:
          nest_alloca(size.bytes, depth());
          break;
        case Placement::kArena:
          (outlives() ? outlive_arena : nest_arena)(size.bytes, depth());
          break;
        case Placement::kMalloc:
          (outlives() ? outlive_malloc : nest_malloc)(size.bytes, depth());
          break;
      }
    }
  }
  bool outlives() const { return lifetime == Lifetime::kOutliving; }

  // Why this case cannot be, or nullptr.
  const char* obstacle() const {
    if (placement == Placement::kMalloc || placement == Placement::kArena) return nullptr;
    if (outlives()) return "the object ends with its function";
    if (size.bytes * static_cast<std::size_t>(depth()) > kStackBudget)
      return "needs more stack than is safe by default";
    return nullptr;
  }
};

double now() {
  timespec time{};
  clock_gettime(CLOCK_MONOTONIC, &time);
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_nsec) * 1e-9;
}

long minor_faults() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return usage.ru_minflt;
}

// Last-level cache misses of this process; closed (-1) where the machine has no such counter.
class MissCounter {
 public:
  MissCounter() {
    perf_event_attr attributes{};
    attributes.type = PERF_TYPE_HARDWARE;
    attributes.size = sizeof attributes;
    attributes.config = PERF_COUNT_HW_CACHE_MISSES;
    attributes.exclude_kernel = 1;
    descriptor_ =
        static_cast<int>(syscall(SYS_perf_event_open, &attributes, 0, -1, -1, PERF_FLAG_FD_CLOEXEC));
    if (descriptor_ < 0) error_ = errno;
  }
  bool works() const { return descriptor_ >= 0; }
  const char* reason() const { return std::strerror(error_); }
  std::uint64_t read_now() const {
    std::uint64_t count = 0;
    return read(descriptor_, &count, sizeof count) == sizeof count ? count : 0;
  }

 private:
  int descriptor_ = -1;
  int error_ = 0;
};

constexpr long kMarkDescriptor = -77;  // close() of it does nothing; the watching parent knows it
constexpr long kCountedPasses = 1000;

bool is_memory_call(long number) {
  return number == SYS_brk || number == SYS_mmap || number == SYS_munmap || number == SYS_mremap ||
         number == SYS_madvise;
}

// Counts the child's memory calls between its two marks. Each call stops twice, on entry and on return.
long watch(pid_t child) {
  long count = 0;
  int marks = 0;
  bool is_entry = true;
  int status = 0;
  waitpid(child, &status, 0);
  ptrace(PTRACE_SETOPTIONS, child, nullptr, PTRACE_O_TRACESYSGOOD | PTRACE_O_EXITKILL);
  while (marks < 2) {
    if (ptrace(PTRACE_SYSCALL, child, nullptr, nullptr) != 0 || waitpid(child, &status, 0) != child)
      return -1;
    if (!WIFSTOPPED(status)) return -1;
    if (WSTOPSIG(status) != (SIGTRAP | 0x80)) continue;
    if (is_entry) {
      user_regs_struct registers{};
      ptrace(PTRACE_GETREGS, child, nullptr, &registers);
      const long number = static_cast<long>(registers.orig_rax);
      if (number == SYS_close && static_cast<int>(registers.rdi) == kMarkDescriptor) ++marks;
      if (marks == 1 && is_memory_call(number)) ++count;
    }
    is_entry = !is_entry;
  }
  kill(child, SIGKILL);
  waitpid(child, nullptr, 0);
  return count;
}

double kernel_calls_per_thousand(const Case& test) {
  const long passes = std::max(kCountedPasses / test.depth(), 1L);
  const pid_t child = fork();
  if (child == 0) {
    if (ptrace(PTRACE_TRACEME, 0, nullptr, nullptr) != 0) _exit(1);
    std::raise(SIGSTOP);
    syscall(SYS_close, kMarkDescriptor);
    test.run(passes);
    syscall(SYS_close, kMarkDescriptor);
    _exit(0);
  }
  const long count = watch(child);
  if (count < 0) {
    std::fprintf(stderr, "loam-stack-heap: watching system calls is refused (ptrace)\n");
    std::exit(1);
  }
  return 1000.0 * static_cast<double>(count) / static_cast<double>(passes * test.depth());
}

void print_measured(const Case& test, const MissCounter& misses) {
  std::fflush(stdout);  // a forked child must not print what is still in the buffer
  std::printf("\"kernel_calls\":%.4f,", kernel_calls_per_thousand(test));
  const long faults_before = minor_faults();
  const std::uint64_t misses_before = misses.works() ? misses.read_now() : 0;
  long passes = 1;
  long total = 0;
  double best = 0;
  const double start = now();
  while (now() - start < kPassSeconds || total < kLeastPasses) {
    const double pass_start = now();
    test.run(passes);
    const double each = (now() - pass_start) / static_cast<double>(passes);
    best = total == 0 ? each : std::min(best, each);
    total += passes;
    passes = std::min(passes * 2, 4096L);
  }
  const double objects = static_cast<double>(total * test.depth());
  std::printf("\"reason\":null,\"ns\":%.3f,\"minor_faults\":%.4f,", best * 1e9 / test.depth(),
              1000.0 * static_cast<double>(minor_faults() - faults_before) / objects);
  if (test.depth() > 1) {
    g_places.begin();
    test.run(1);
    std::printf("\"stride\":%.1f,", g_places.mean_stride());
  }
  if (misses.works()) {
    std::printf("\"cache_misses\":%.3f}",
                1000.0 * static_cast<double>(misses.read_now() - misses_before) / objects);
  } else {
    std::printf("\"cache_misses\":null,\"cache_reason\":\"perf_event_open: %s\"}", misses.reason());
  }
}

void print_case(const Case& test, const MissCounter& misses, bool is_first) {
  std::printf("%s{\"placement\":\"%s\",\"lifetime\":\"%s\",\"size\":%zu,", is_first ? "[" : ",\n",
              kPlacementNames[static_cast<std::size_t>(test.placement)],
              kLifetimeNames[static_cast<std::size_t>(test.lifetime)], test.size.bytes);
  if (const char* obstacle = test.obstacle()) {
    std::printf("\"reason\":\"%s\"}", obstacle);
  } else {
    print_measured(test, misses);
  }
}

// Leaves what a program that has run for a while has: live blocks with free ones between them.
void age_heap() {
  constexpr std::size_t kBlocks = 20'000;
  std::mt19937 random(1);
  std::vector<void*> blocks(kBlocks);
  for (void*& block : blocks) block = make(16U << (random() % 8));
  std::shuffle(blocks.begin(), blocks.end(), random);
  for (std::size_t i = 0; i < kBlocks / 2; ++i) std::free(blocks[i]);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc > 1) {
    std::fprintf(stderr, "Usage: LD_PRELOAD=LIBRARY %s\nPrints the figures as a JSON array.\n", argv[0]);
    return std::strcmp(argv[1], "--help") == 0 ? 0 : 2;
  }
  const MissCounter misses;
  age_heap();
  bool is_first = true;
  for (const Lifetime lifetime : {Lifetime::kCall, Lifetime::kNested, Lifetime::kOutliving}) {
    for (const Size& size : kSizes) {
      for (const Placement placement :
           {Placement::kArray, Placement::kAlloca, Placement::kArena, Placement::kMalloc}) {
        print_case({placement, lifetime, size}, misses, is_first);
        is_first = false;
      }
    }
  }
  std::printf("]\n");
  return 0;
}

// Measures whatever malloc is preloaded. `driver count` prints instructions per malloc and free pair,
// exactly, by single-stepping a child; `driver time` prints nanoseconds an operation: minimum and median of
// many short repetitions. `driver run LIBRARY COMMAND...` runs a program under the library and writes its CPU
// seconds and peak RSS in MB to stderr: a small parent, because a peak counts the memory of the forking process.
// Output: one "name value value" line a row; for count: minimum and mean, for time:
// minimum and median.
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <vector>

extern "C" char pair_head[], pair_done[];
// One pair between two visits of pair_head, which are five instructions of loop and arguments beside the
// calls.
#ifdef __clang__
#define ONE_COPY __attribute__((noinline))
#else
#define ONE_COPY __attribute__((noinline, noclone))  // its labels are global
#endif
ONE_COPY static void pairs(size_t n, long times) {
  asm volatile(
      "mov %0, %%r12\n\t mov %1, %%r13\n\t mov %%rsp, %%r14\n\t sub $128, %%rsp\n\t and $-16, %%rsp\n\t"
      ".globl pair_head\n pair_head:\n\t"
      "mov %%r12, %%rdi\n\t call malloc@PLT\n\t mov %%rax, %%rdi\n\t call free@PLT\n\t"
      "sub $1, %%r13\n\t jne pair_head\n\t"
      ".globl pair_done\n pair_done:\n\t mov %%r14, %%rsp"
      :
      : "r"(n), "r"(times)
      : "rax", "rcx", "rdx", "rsi", "rdi", "r8", "r9", "r10", "r11", "r12", "r13", "r14", "memory", "cc",
        "xmm0", "xmm1");
}

static int count(size_t n) {
  const pid_t child = fork();
  if (child == 0) {
    std::vector<void*> held;  // so that the pair does not run in a span of its own
    for (int i = 0; i < 100; ++i) held.push_back(malloc(n));
    for (int i = 0; i < 100; i += 2) free(held[static_cast<size_t>(i)]);
    pairs(n, 2000);
    ptrace(PTRACE_TRACEME, 0, nullptr, nullptr);
    raise(SIGSTOP);
    pairs(n, 256);
    _exit(0);
  }
  int status = 0;
  waitpid(child, &status, 0);
  long steps = 0, since = -1;
  std::vector<long> each;
  while (ptrace(PTRACE_SINGLESTEP, child, nullptr, nullptr) == 0 && waitpid(child, &status, 0) == child &&
         WIFSTOPPED(status)) {
    ++steps;
    const long at = ptrace(PTRACE_PEEKUSER, child, offsetof(user_regs_struct, rip), nullptr);
    if (at != reinterpret_cast<long>(pair_head) && at != reinterpret_cast<long>(pair_done)) continue;
    if (since >= 0) each.push_back(steps - since);
    since = steps;
    if (at == reinterpret_cast<long>(pair_done)) break;
  }
  kill(child, SIGKILL);
  waitpid(child, &status, 0);
  if (each.size() != 256) return fprintf(stderr, "driver: stepped %zu pairs, not 256\n", each.size()), 1;
  long sum = 0;
  for (const long v : each) sum += v;
  printf("pair%zu %ld %.1f\n", n, *std::min_element(each.begin(), each.end()),
         static_cast<double>(sum) / 256);
  return 0;
}

static uint64_t g_random = 88172645463325252u;
static uint32_t random32() {
  g_random ^= g_random << 13, g_random ^= g_random >> 7, g_random ^= g_random << 17;
  return static_cast<uint32_t>(g_random >> 32);
}
static double now_ns() {
  timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return static_cast<double>(t.tv_sec) * 1e9 + static_cast<double>(t.tv_nsec);
}
static bool wanted(const char* name);
template <class F>
static void row(const char* name, size_t reps, double operations, F run) {
  if (!wanted(name)) return;
  std::vector<double> ns;
  for (size_t i = 0; i < reps + 2; ++i) {
    const double begin = now_ns();
    run();
    const double took = now_ns() - begin;
    if (i >= 2) ns.push_back(took / operations);
  }
  std::sort(ns.begin(), ns.end());
  printf("%s %.2f %.2f\n", name, ns.front(), ns[ns.size() / 2]);
}
static const char* g_only = "";
static bool wanted(const char* name) { return strstr(name, g_only) != nullptr; }

static void touch(void* p) { *static_cast<volatile char*>(p) = 1; }

static void batches(size_t n) {
  static void* held[1000];
  char name[32];
  snprintf(name, sizeof name, "lifo%zu", n);
  row(name, 300, 1000, [n] {
    for (auto& p : held) touch(p = malloc(n));
    for (size_t i = 1000; i-- > 0;) free(held[i]);
  });
  snprintf(name, sizeof name, "fifo%zu", n);
  row(name, 300, 1000, [n] {
    for (auto& p : held) touch(p = malloc(n));
    for (void* p : held) free(p);
  });
}
static void replaces(const char* name, size_t live, size_t per_rep, size_t reps) {
  std::vector<void*> held(live);
  std::vector<uint32_t> plan(per_rep * 2);
  for (auto& p : held) touch(p = malloc(16 + random32() % 497));
  for (size_t i = 0; i < 4 * live; ++i) {  // until the heap is as mixed as it will be
    void*& p = held[random32() % live];
    free(p);
    touch(p = malloc(16 + random32() % 497));
  }
  row(name, reps, static_cast<double>(per_rep), [&] {
    for (auto& v : plan) v = random32();
    for (size_t i = 0; i < per_rep; ++i) {
      void*& p = held[plan[2 * i] % live];
      free(p);
      touch(p = malloc(16 + plan[2 * i + 1] % 497));
    }
  });
  for (void* p : held) free(p);
}
// Blocks far outside the caches: 400,000 of them; a random half is freed and taken again, timed apart.
static void cold(size_t n) {
  char names[2][32];
  snprintf(names[0], 32, "coldfree%zu", n), snprintf(names[1], 32, "coldmalloc%zu", n);
  if (!wanted(names[0]) && !wanted(names[1])) return;
  constexpr size_t kBlocks = 400000;
  std::vector<void*> held(kBlocks);
  std::vector<char> sweep(size_t{48} << 20, 1);
  std::vector<double> ns[2];
  for (auto& p : held) touch(p = malloc(n));
  for (int rep = 0; rep < 7; ++rep) {
    for (size_t i = kBlocks - 1; i > 0; --i) std::swap(held[i], held[random32() % (i + 1)]);
    for (size_t i = 0; i < sweep.size(); i += 64) ++sweep[i];
    double begin = now_ns();
    for (size_t i = 0; i < kBlocks / 2; ++i) free(held[i]);
    ns[0].push_back((now_ns() - begin) / (kBlocks / 2));
    for (size_t i = 0; i < sweep.size(); i += 64) ++sweep[i];
    begin = now_ns();
    for (size_t i = 0; i < kBlocks / 2; ++i) touch(held[i] = malloc(n));
    ns[1].push_back((now_ns() - begin) / (kBlocks / 2));
  }
  for (void* p : held) free(p);
  for (int k = 0; k < 2; ++k) {
    std::sort(ns[k].begin(), ns[k].end());
    printf("%s %.2f %.2f\n", names[k], ns[k].front(), ns[k][ns[k].size() / 2]);
  }
}

static int run(const char* library, char** command) {
  const pid_t child = fork();
  if (child == 0) {
    if (*library != 0) setenv("LD_PRELOAD", library, 1);
    execvp(command[0], command);
    _exit(127);
  }
  int status = 0;
  rusage used;
  if (wait4(child, &status, 0, &used) != child || status != 0) return 1;
  const auto seconds = [](timeval t) {
    return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_usec) * 1e-6;
  };
  fprintf(stderr, "%.4f %.2f\n", seconds(used.ru_utime) + seconds(used.ru_stime),
          static_cast<double>(used.ru_maxrss) / 1024);
  return 0;
}

int main(int argc, char** argv) {
  const char* mode = argc > 1 ? argv[1] : "";
  if (argc > 3 && strcmp(mode, "run") == 0) return run(argv[2], argv + 3);
  if (argc > 2) g_only = argv[2];
  if (strcmp(mode, "count") == 0) {
    for (const size_t n : {size_t{16}, size_t{64}, size_t{256}, size_t{1024}, size_t{4096}, size_t{32768}})
      if (count(n) != 0) return 1;
    return 0;
  }
  if (strcmp(mode, "time") != 0) return fprintf(stderr, "usage: driver count|time [PART-OF-NAME]\n"), 2;
  for (const size_t n : {size_t{16}, size_t{64}, size_t{256}, size_t{1024}, size_t{4096}, size_t{32768}}) {
    char name[32];
    snprintf(name, sizeof name, "pair%zu", n);
    row(name, 300, 2000, [n] { pairs(n, 2000); });
  }
  for (const size_t n : {size_t{16}, size_t{64}, size_t{256}}) batches(n);
  if (wanted("replace1k")) replaces("replace1k", 1000, 2000, 200);
  if (wanted("replace100k")) replaces("replace100k", 100000, 20000, 40);
  cold(32);
  cold(128);
  return 0;
}

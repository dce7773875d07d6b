// Proves that the preloaded candidate keeps the promises whose price is measured. Exit status 0 or 1.
//   bad frees   each kind in a child, which must die by SIGABRT in that very call
//   steps       a signal at every instruction of malloc and free in turn (ptrace single steps); the handler mallocs and
//               frees the same sizes, and every block's contents tell whether two callers ever got the same one
//   timer       the same by a timer, with the slow half under it too
//   threads     blocks made by one thread and freed by another
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ptrace.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <atomic>

static volatile sig_atomic_t g_traced, g_handled;

struct Holder {  // a set of live blocks, each filled with its own mark
  void* block[64] = {};
  size_t size[64] = {};
  uint32_t seed, salt;
  explicit Holder(uint32_t s) : seed(s), salt(s) {}
  void step() {
    seed = seed * 1664525 + 1013904223;
    const unsigned k = (seed >> 10) % 64;
    auto* words = static_cast<uint64_t*>(block[k]);
    if (words != nullptr) {
      for (size_t i = 0; i < size[k] / 8; i += 1 + size[k] / 64)
        if (words[i] != mark(k))
          fprintf(stderr, "check: block %p of %zu bytes was overwritten\n", block[k], size[k]), abort();
      free(block[k]);
      block[k] = nullptr;
      return;
    }
    size[k] = (seed >> 20) % 100 == 0 ? 40000 : 16 + (seed >> 20) % 4 * 16;
    words = static_cast<uint64_t*>(block[k] = malloc(size[k]));
    if (words == nullptr) abort();
    for (size_t i = 0; i < size[k] / 8; i += 1 + size[k] / 64) words[i] = mark(k);
  }
  uint64_t mark(unsigned k) const { return (uint64_t{salt} << 32) + k; }
};
static Holder g_main(1), g_handler(2);

static void on_signal(int) {
  for (int i = 0; i < 3; ++i) g_handler.step();
  g_handled = g_handled + 1;
  if (g_traced) asm volatile("int3");
}

template <class F>
static bool dies(const char* what, F f) {
  const pid_t child = fork();
  if (child == 0) {
    if (freopen("/dev/null", "w", stderr) == nullptr) _exit(2);
    f();
    _exit(0);
  }
  int status = 0;
  waitpid(child, &status, 0);
  const bool ok = WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT;
  if (!ok) printf("FAILED %s: status %#x\n", what, static_cast<unsigned>(status));
  return ok;
}
static bool bad_frees() {
  bool ok = true;
  constexpr size_t kSizes[] = {16, 48, 1000, 1040, 5000, 40000, 200000};
  for (const size_t n : kSizes) {
    ok &= dies("double free", [n] {
      void* p = malloc(n);
      free(p), free(p);
    });
    ok &= dies("double free, neighbours live", [n] {
      void* p[50];
      for (auto& q : p) q = malloc(n);
      for (int i = 0; i < 50; i += 3) free(p[i]);
      free(p[9]);
    });
    ok &= dies("free inside", [n] { free(static_cast<char*>(malloc(n)) + 8); });
    ok &= dies("free inside by 16", [n] {
      free(n == 16 ? static_cast<char*>(malloc(n)) + 1 : static_cast<char*>(malloc(n)) + 16);
    });
  }
  ok &= dies("free of stack", [] {
    char c[64];
    free(c + 16);
  });
  ok &= dies("free of data", [] {
    void* volatile data = &g_main;  // the compilers warn where they can see it
    free(data);
  });
  ok &= dies("free of the end of a span",
             [] {  // 1040-byte class: 65536 % size != 0; no block may start in the rest
               auto* p = static_cast<char*>(malloc(1100));
               for (size_t k = 0; k < 64; ++k) free(p + k * 1152 + (k > 0 ? 65536 / 1152 * 1152 : 0));
             });
  return ok;
}
static long rip_of(pid_t child) {
  return ptrace(PTRACE_PEEKUSER, child, offsetof(user_regs_struct, rip), nullptr);
}
static bool go(pid_t child, bool step, int signal, int* status) {
  return ptrace(step ? PTRACE_SINGLESTEP : PTRACE_CONT, child, nullptr, signal) == 0 &&
         waitpid(child, status, 0) == child && WIFSTOPPED(*status);
}
static bool steps() {
  const pid_t child = fork();
  if (child == 0) {
    signal(SIGUSR1, on_signal);
    g_traced = 1;
    for (int i = 0; i < 5000; ++i) g_main.step();
    ptrace(PTRACE_TRACEME, 0, nullptr, nullptr);
    raise(SIGSTOP);
    for (int i = 0; i < 800; ++i) g_main.step();
    _exit(g_handled > 1000 ? 0 : 3);
  }
  int status = 0;
  long count = 0, sent = 0;
  waitpid(child, &status, 0);
  while (go(child, true, 0, &status) && WSTOPSIG(status) == SIGTRAP) {
    if (++count % 11 != 0)
      continue;  // no factor of the paths' lengths, so that every instruction has its turn
    const long here = rip_of(child);
    if (!go(child, false, SIGUSR1, &status)) break;  // to the int3 that ends the handler
    while (WSTOPSIG(status) == SIGTRAP && rip_of(child) != here && go(child, true, 0, &status)) {
    }
    ++sent;
  }
  if (WIFSTOPPED(status)) kill(child, SIGKILL), waitpid(child, &status, 0);
  printf("steps: %ld signals in %ld instructions\n", sent, count);
  if (status != 0) printf("FAILED steps: status %#x\n", static_cast<unsigned>(status));
  return status == 0;
}
static bool timer() {
  const pid_t child = fork();
  if (child == 0) {
    alarm(30);
    signal(SIGALRM, SIG_DFL);
    signal(SIGPROF, on_signal);
    timer_t id;
    sigevent event = {};
    event.sigev_notify = SIGEV_SIGNAL, event.sigev_signo = SIGPROF;
    timer_create(CLOCK_MONOTONIC, &event, &id);
    const itimerspec every = {{0, 20000}, {0, 20000}};
    timer_settime(id, 0, &every, nullptr);
    for (int i = 0; i < 6000000; ++i) g_main.step();
    printf("timer: %d signals\n", static_cast<int>(g_handled));
    fflush(stdout);
    _exit(g_handled > 1000 ? 0 : 3);
  }
  int status = 0;
  waitpid(child, &status, 0);
  if (status != 0) printf("FAILED timer: status %#x\n", static_cast<unsigned>(status));
  return status == 0;
}
static std::atomic<void*> g_ring[256];
static void* consume(void*) {
  for (long i = 0; i < 1000000; ++i) {
    void* p = nullptr;
    while ((p = g_ring[i % 256].exchange(nullptr)) == nullptr) sched_yield();
    if (*static_cast<long*>(p) != i) abort();
    free(p);
  }
  return nullptr;
}
static bool threads() {
  pthread_t t;
  pthread_create(&t, nullptr, consume, nullptr);
  for (long i = 0; i < 1000000; ++i) {
    auto* p = static_cast<long*>(malloc(16 + static_cast<size_t>(i) % 200));
    *p = i;
    void* none = nullptr;
    while (!g_ring[i % 256].compare_exchange_weak(none, p)) none = nullptr, sched_yield();
  }
  return pthread_join(t, nullptr) == 0;
}

int main() {
  setvbuf(stdout, nullptr, _IONBF, 0);
  const bool bad = bad_frees(), stepped = steps(), timed = timer(), threaded = threads();
  printf("bad frees %s, steps %s, timer %s, threads %s\n", bad ? "ok" : "FAILED", stepped ? "ok" : "FAILED",
         timed ? "ok" : "FAILED", threaded ? "ok" : "FAILED");
  return bad && stepped && timed && threaded ? 0 : 1;
}

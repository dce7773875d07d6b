// Stacks of every awkward kind, each with allocations in its innermost frames: exceptions thrown and caught through many frames,
// alloca, frames aligned anew, coroutines, longjmp, signals on both kinds of stack, threads, recursion, allocation in a destructor
// that runs while an exception passes, tail calls, callbacks of libc.  torture [ROUNDS]
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <ucontext.h>
#include <unistd.h>

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <map>
#include <string>
#include <thread>
#include <vector>

#define NOINLINE [[gnu::noinline]]

static thread_local uint64_t state = 88172645463325252u;

static uint64_t next_random() {
  state ^= state << 13;
  state ^= state >> 7;
  return state ^= state << 17;
}

NOINLINE static void allocate() {
  void* block = malloc(next_random() % 200 + 1);
  asm volatile("" : : "r"(block) : "memory");
  free(block);
}

struct Cleanup {
  ~Cleanup() { allocate(); }
};

static void go(int depth);

NOINLINE static void with_alloca(int depth) {
  char* room = static_cast<char*>(__builtin_alloca(next_random() % 500 + 1));
  asm volatile("" : : "r"(room) : "memory");
  go(depth - 1);
  asm volatile("" : : "r"(room) : "memory");
}

NOINLINE static void aligned(int depth) {
  alignas(64) char line[128];
  char* room = static_cast<char*>(__builtin_alloca(next_random() % 3 * 100 + 1));
  asm volatile("" : : "r"(line), "r"(room) : "memory");
  go(depth - 1);
  asm volatile("" : : "r"(line), "r"(room) : "memory");
}

NOINLINE static void many_arguments(int depth, long a, long b, long c, long d, long e, long f, long g) {
  volatile long sum = a + b + c + d + e + f + g;
  go(depth - 1);
  sum = sum + 1;
}

NOINLINE static void throws(int depth) {
  Cleanup cleanup;
  if (depth <= 0) throw std::string(40, 'x');
  throws(depth - 1);
  asm volatile("");
}

NOINLINE static void catches(int depth) {
  try {
    throws(static_cast<int>(next_random() % 12));
  } catch (const std::string& text) {
    allocate();
    try {
      go(depth - 1);
      throw;
    } catch (std::string& again) {
      again += text;
    }
  }
}

static thread_local jmp_buf* where;

NOINLINE static void jumps(int depth) {
  jmp_buf here;
  jmp_buf* const before = where;
  where = &here;
  if (setjmp(here) == 0) {
    allocate();
    if (depth > 2) go(2);
    longjmp(*where, 1);
  }
  allocate();
  where = before;
}

static int by_value(const void* left, const void* right) {
  if (next_random() % 8 == 0) allocate();
  return *static_cast<const int*>(left) - *static_cast<const int*>(right);
}

NOINLINE static void called_back(int depth) {
  int numbers[40];
  for (int& number : numbers) number = static_cast<int>(next_random() % 1000);
  qsort(numbers, 40, sizeof *numbers, by_value);
  go(depth - 1);
}

static void containers() {
  std::map<std::string, std::vector<std::string>> map;
  for (int i = 0; i < 10; ++i)
    map[std::to_string(next_random() % 100) + "........................"].push_back(std::string(50, 'y'));
}

NOINLINE static void tail(int depth) {
  allocate();
  return go(depth - 1);
}

static void go(int depth) {
  allocate();
  if (depth <= 0) return;
  switch (next_random() % 9) {
    case 0:
      with_alloca(depth);
      break;
    case 1:
      aligned(depth);
      break;
    case 2:
      many_arguments(depth, 1, 2, 3, 4, 5, 6, 7);
      break;
    case 3:
      catches(depth);
      break;
    case 4:
      jumps(depth);
      break;
    case 5:
      called_back(depth);
      break;
    case 6:
      containers();
      break;
    case 7:
      tail(depth);
      break;
    default:
      go(depth - 1);
      break;
  }
  asm volatile("");
}

NOINLINE static void recurse(int depth) {
  allocate();
  if (depth > 0) recurse(depth - 1);
  asm volatile("");
}

static ucontext_t scheduler;
static ucontext_t fibers[4];
static int finished;

static void fiber(int number) {
  for (int i = 0; i < 5; ++i) {
    go(4);
    swapcontext(&fibers[number], &scheduler);
  }
  ++finished;
}

static void coroutines() {
  static char stacks[4][256 << 10];
  finished = 0;
  for (int i = 0; i < 4; ++i) {
    getcontext(&fibers[i]);
    fibers[i].uc_stack.ss_sp = stacks[i];
    fibers[i].uc_stack.ss_size = sizeof stacks[i];
    fibers[i].uc_link = &scheduler;
    makecontext(&fibers[i], reinterpret_cast<void (*)()>(fiber), 1, i);
  }
  while (finished < 4) {
    for (auto& one : fibers) {
      if (finished < 4) swapcontext(&scheduler, &one);
    }
    break;
  }
  for (int round = 0; round < 8 && finished < 4; ++round) swapcontext(&scheduler, &fibers[finished]);
}

// Not what a handler may do; here nothing else is going on when the signal is raised.
static void handler(int) { go(3); }

static void signals() {
  static char room[256 << 10];
  stack_t stack;
  memset(&stack, 0, sizeof stack);
  stack.ss_sp = room;
  stack.ss_size = sizeof room;
  sigaltstack(&stack, nullptr);
  struct sigaction action;
  memset(&action, 0, sizeof action);
  action.sa_handler = handler;
  for (const int flags : {0, SA_ONSTACK}) {
    action.sa_flags = flags;
    sigaction(SIGUSR1, &action, nullptr);
    raise(SIGUSR1);
  }
}

int main(int argc, char** argv) {
  const int rounds = argc > 1 ? atoi(argv[1]) : 20;
  std::vector<std::thread> threads;
  for (int t = 0; t < 2; ++t) {
    threads.emplace_back([t, rounds] {
      state += static_cast<uint64_t>(t) * 7919;
      for (int i = 0; i < rounds; ++i) go(12);
    });
  }
  for (int i = 0; i < rounds; ++i) {
    go(12);
    if (i % 4 == 0) coroutines();
    if (i % 4 == 1) signals();
    if (i % 4 == 2) recurse(static_cast<int>(next_random() % 400));
  }
  for (auto& thread : threads) thread.join();
  puts("done");
  return 0;
}

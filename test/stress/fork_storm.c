/* Threads allocate while the main thread forks, and a signal's handler, which meets it anywhere, allocates too. Each child verifies and frees blocks of its parent, allocates, starts a
   thread of its own now and then, and exits; a child that hangs is ended by its alarm and counts as a failure.
   Usage: fork_storm [--seconds S] [--seed N] [--threads T] */
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/time.h>
#include <sys/wait.h>

#include "../support/storm.h"

enum { kHeld = 400, kExchange = 64, kMost = 16 };

static void* g_held[kHeld];
static _Atomic(void*) g_exchange[kExchange];
static atomic_int g_stop;
static void* g_at_fork[3];

/* Handlers of the program's own run around those of the heap, and allocate. */
static void before_fork(void) { g_at_fork[0] = painted(5000); }
static void in_parent(void) {
  g_at_fork[1] = painted(300);
  for (int i = 0; i < 2; ++i) inspect_and_free(g_at_fork[i]);
}
static void in_child(void) {
  g_at_fork[2] = painted(100000);
  inspect_and_free(g_at_fork[0]);
  inspect_and_free(g_at_fork[2]);
}

/* More than the thread has at hand: some of it has to be got under locks, all of which a fork holds. */
static void handle(int signal) {
  static void* blocks[128];
  static unsigned at;
  (void)signal;
  for (unsigned i = 0; i < 40; ++i, ++at) {
    inspect_and_free(blocks[at % 128]);
    blocks[at % 128] = painted(16 + at * 977u % 6000);
  }
}

/* On every millisecond of the process, in the calling thread and nobody else. */
static void signal_me(void) {
  struct sigaction action = {.sa_handler = handle, .sa_flags = SA_RESTART};
  const struct itimerval every = {{0, 1000}, {0, 1000}};
  if (sigaction(SIGALRM, &action, NULL) != 0 || setitimer(ITIMER_REAL, &every, NULL) != 0)
    storm_fail("no timer");
}

static void block_timer(int how) {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGALRM);
  pthread_sigmask(how, &set, NULL);
}

static void churn(uint32_t* state, int steps) {
  void* slots[64] = {NULL};
  for (int i = 0; i < steps; ++i) {
    void** slot = &slots[next_random(state) % 64];
    if (*slot == NULL)
      *slot = painted(random_size(state));
    else if (next_random(state) % 4 == 0)
      *slot = repainted(*slot, random_size(state));
    else if (next_random(state) % 4 == 0)
      *slot = atomic_exchange(&g_exchange[next_random(state) % kExchange], *slot);
    else
      inspect_and_free(*slot), *slot = NULL;
  }
  for (int i = 0; i < 64; ++i) inspect_and_free(slots[i]);
}

static void* busy(void* seed) {
  uint32_t state = (uint32_t)(uintptr_t)seed | 1;
  while (!atomic_load_explicit(&g_stop, memory_order_relaxed)) churn(&state, 500);
  return NULL;
}

static void* short_life(void* seed) {
  uint32_t state = (uint32_t)(uintptr_t)seed | 1;
  churn(&state, 400);
  return NULL;
}

static void child(uint32_t seed) {
  uint32_t state = seed | 1;
  signal(SIGALRM, SIG_DFL);
  alarm(20);
  for (int i = 0; i < kHeld; i += 1 + (int)(seed % 3)) inspect_and_free(g_held[i]), g_held[i] = NULL;
  churn(&state, 600);
  for (int i = 0; i < kExchange; ++i) {
    /* A block may have been between two threads at the fork: whoever held it is gone, and the slot is whole. */
    inspect_and_free(atomic_exchange(&g_exchange[i], NULL));
  }
  if (seed % 4 == 0) {
    pthread_t thread;
    if (pthread_create(&thread, NULL, short_life, (void*)(uintptr_t)seed) != 0)
      storm_fail("no thread in the child");
    pthread_join(thread, NULL);
  }
  if (seed % 8 == 1) {
    const pid_t grandchild = fork();
    if (grandchild == 0) {
      churn(&state, 100);
      _exit(0);
    }
    int status = 0;
    if (waitpid(grandchild, &status, 0) != grandchild || status != 0)
      storm_fail("grandchild: status %#x", status);
  }
  if (seed % 2 == 0) exit(0);
  _exit(0);
}

int main(int count, char** words) {
  const struct storm storm = storm_options(count, words);
  uint32_t state = storm.seed;
  pthread_t thread[kMost];
  const int threads = storm.threads < kMost ? storm.threads : kMost;
  pthread_atfork(before_fork, in_parent, in_child);
  for (int i = 0; i < kHeld; ++i) g_held[i] = painted(random_size(&state));
  block_timer(SIG_BLOCK);
  for (int i = 0; i < threads; ++i) {
    if (pthread_create(&thread[i], NULL, busy, (void*)(uintptr_t)next_random(&state)) != 0)
      storm_fail("no thread");
  }
  block_timer(SIG_UNBLOCK);
  signal_me();
  const double end = now_seconds() + storm.seconds;
  unsigned long forks = 0;
  while (now_seconds() < end) {
    const uint32_t seed = next_random(&state);
    const pid_t pid = fork();
    if (pid == 0) child(seed);
    if (pid < 0) storm_fail("fork: errno %d", errno);
    ++forks;
    for (int i = 0; i < 20; ++i) {
      const uint32_t at = next_random(&state) % kHeld;
      inspect_and_free(g_held[at]);
      g_held[at] = painted(random_size(&state));
    }
    int status = 0;
    if (waitpid(pid, &status, 0) != pid || status != 0) storm_fail("child %lu: status %#x", forks, status);
  }
  atomic_store(&g_stop, 1);
  for (int i = 0; i < threads; ++i) pthread_join(thread[i], NULL);
  storm_say("%lu forks\n", forks);
  return forks > 0 ? 0 : 1;
}

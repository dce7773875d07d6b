/* Every thread allocates, frees, resizes and swaps blocks with others while a timer and the main thread send it signals
   whose handler does the same; threads end under signals and others take their place.
   Usage: signal_storm [--seconds S] [--seed N] [--threads T] */
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/time.h>

#include "../support/storm.h"

enum { kMost = 16, kKept = 8, kExchange = 64, kSteps = 20000, kPatience = 60 };

static atomic_int g_stop;
static atomic_ulong g_handled;
static _Atomic(void*) g_exchange[kExchange];
static _Thread_local void* t_kept[kKept];
static _Thread_local uint32_t t_state = 88172645;
static _Thread_local int t_depth;
static _Thread_local int t_ending; /* what a handler keeps now would be lost */

/* Every size regime; some blocks stay until a later signal, so that they cross with those of the interrupted code. */
static void handler(int signal_number) {
  const int error = errno;
  const int depth = t_depth++;
  void** slot = &t_kept[next_random(&t_state) % kKept];
  (void)signal_number;
  if (depth == 0 && !t_ending) {
    void* old = *slot;
    *slot = NULL;
    if (old != NULL && next_random(&t_state) % 3 == 0) old = repainted(old, random_size(&t_state));
    if (next_random(&t_state) % 4 == 0)
      old = atomic_exchange(&g_exchange[next_random(&t_state) % kExchange], old);
    inspect_and_free(old);
    *slot = painted(random_size(&t_state));
  }
  void* first = painted(24);
  void* second = painted(random_size(&t_state));
  inspect_and_free(first);
  inspect_and_free(second);
  atomic_fetch_add_explicit(&g_handled, 1, memory_order_relaxed);
  --t_depth;
  errno = error;
}

static void drop_kept(void) {
  for (int i = 0; i < kKept; ++i) {
    void* old = t_kept[i];
    t_kept[i] = NULL;
    inspect_and_free(old);
  }
}

static void* busy(void* seed) {
  uint32_t state = (uint32_t)(uintptr_t)seed | 1;
  void* slots[200] = {NULL};
  t_state = state ^ 0x5bd1e995;
  for (int i = 0; i < kSteps && !atomic_load_explicit(&g_stop, memory_order_relaxed); ++i) {
    void** slot = &slots[next_random(&state) % 200];
    if (*slot == NULL)
      *slot = painted(random_size(&state));
    else if (next_random(&state) % 4 == 0)
      *slot = repainted(*slot, random_size(&state));
    else if (next_random(&state) % 4 == 0)
      *slot = atomic_exchange(&g_exchange[next_random(&state) % kExchange], *slot);
    else
      inspect_and_free(*slot), *slot = NULL;
  }
  for (int i = 0; i < 200; ++i) inspect_and_free(slots[i]);
  t_ending = 1;
  drop_kept();
  return NULL;
}

static void install(int signal_number) {
  struct sigaction action = {0};
  action.sa_handler = handler;
  action.sa_flags = SA_RESTART; /* the two signals interrupt each other's handlers */
  sigemptyset(&action.sa_mask);
  sigaction(signal_number, &action, NULL);
}

static void start(pthread_t* thread, uint32_t* state) {
  if (pthread_create(thread, NULL, busy, (void*)(uintptr_t)next_random(state)) != 0) storm_fail("no thread");
}

/* A busy machine may take longer than the time that was asked for. */
static int is_enough(unsigned long lives) { return atomic_load(&g_handled) > 100 && lives > 0; }

int main(int count, char** words) {
  const struct storm storm = storm_options(count, words);
  uint32_t state = storm.seed;
  const int threads = storm.threads < kMost ? storm.threads : kMost;
  pthread_t thread[kMost];
  install(SIGALRM);
  install(SIGUSR1);
  for (int i = 0; i < threads; ++i) start(&thread[i], &state);
  const struct itimerval often = {{0, 200}, {0, 200}};
  setitimer(ITIMER_REAL, &often, NULL);
  const double end = now_seconds() + storm.seconds;
  unsigned long lives = 0;
  for (double now = now_seconds(); now < end || (now < end + kPatience && !is_enough(lives));
       now = now_seconds()) {
    const uint32_t at = next_random(&state) % (uint32_t)threads;
    pthread_kill(thread[at], SIGUSR1);
    if (pthread_tryjoin_np(thread[at], NULL) == 0) {
      ++lives;
      start(&thread[at], &state);
    }
    void* block = painted(random_size(&state));
    inspect_and_free(block);
  }
  const struct itimerval never = {{0, 0}, {0, 0}};
  setitimer(ITIMER_REAL, &never, NULL);
  atomic_store(&g_stop, 1);
  for (int i = 0; i < threads; ++i) pthread_join(thread[i], NULL);
  for (int i = 0; i < kExchange; ++i) inspect_and_free(g_exchange[i]);
  storm_say("%lu signals handled, %lu threads ended\n", atomic_load(&g_handled), lives);
  return is_enough(lives) ? 0 : 1;
}

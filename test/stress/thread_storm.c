/* Threads end in every awkward way: with blocks in keys whose destructors allocate and free again, in rounds; with blocks
   that others free after them; detached; by pthread_exit; cancelled.
   Usage: thread_storm [--seconds S] [--seed N] [--threads T] */
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>

#include "../support/storm.h"

enum { kKeys = 6, kLeft = 128, kMost = 16 };

static pthread_key_t g_keys[kKeys];
static _Atomic(void*) g_left[kLeft];
static atomic_ulong g_destroyed;
static atomic_long g_detached;

struct kept {
  void* block;
  int key;
  int rounds;
};

/* Runs after some or all of the heap's own thread-exit work, whatever order the C library takes. */
static void destroy(void* argument) {
  struct kept* kept = (struct kept*)argument;
  uint32_t state = (uint32_t)(uintptr_t)argument | 1;
  inspect_and_free(kept->block);
  kept->block = painted(random_size(&state));
  void* list[40];
  for (int i = 0; i < 40; ++i) list[i] = painted(16u << (i % 10));
  for (int i = 0; i < 40; ++i) inspect_and_free(list[i]);
  inspect_and_free(atomic_exchange(&g_left[next_random(&state) % kLeft], painted(200)));
  atomic_fetch_add(&g_destroyed, 1);
  if (--kept->rounds > 0) {
    pthread_setspecific(g_keys[kept->key], kept);
    return;
  }
  inspect_and_free(kept->block);
  free(kept);
}

static void end_by_seed(uint32_t seed) {
  if (seed % 5 == 0) pthread_exit(NULL);
  if (seed % 5 == 1) {
    pthread_cancel(pthread_self());
    pthread_testcancel();
  }
}

static void* life(void* argument) {
  uint32_t state = (uint32_t)(uintptr_t)argument | 1;
  for (int i = 0; i < kKeys; ++i) {
    if (next_random(&state) % 3 == 0) continue;
    struct kept* kept = malloc(sizeof *kept);
    if (kept == NULL) storm_fail("no memory");
    *kept = (struct kept){painted(random_size(&state)), i, 1 + (int)(next_random(&state) % 3)};
    pthread_setspecific(g_keys[i], kept);
  }
  for (int i = 0; i < 60; ++i) {
    inspect_and_free(atomic_exchange(&g_left[next_random(&state) % kLeft], painted(random_size(&state))));
  }
  end_by_seed(next_random(&state));
  return NULL;
}

static void* detached_life(void* argument) {
  life(argument);
  return NULL;
}

static void count_out(void* unused) {
  (void)unused;
  atomic_fetch_sub(&g_detached, 1);
}

static void* detached_main(void* argument) {
  pthread_cleanup_push(count_out, NULL);
  detached_life(argument);
  pthread_cleanup_pop(1);
  return NULL;
}

static void start_detached(uint32_t seed) {
  pthread_t thread;
  pthread_attr_t attributes;
  if (atomic_load(&g_detached) > 20) return;
  pthread_attr_init(&attributes);
  pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
  atomic_fetch_add(&g_detached, 1);
  if (pthread_create(&thread, &attributes, detached_main, (void*)(uintptr_t)seed) != 0)
    storm_fail("no thread");
  pthread_attr_destroy(&attributes);
}

int main(int count, char** words) {
  const struct storm storm = storm_options(count, words);
  uint32_t state = storm.seed;
  const int threads = storm.threads < kMost ? storm.threads : kMost;
  for (int i = 0; i < kKeys; ++i) {
    if (pthread_key_create(&g_keys[i], destroy) != 0) storm_fail("no key");
  }
  const double end = now_seconds() + storm.seconds;
  unsigned long lives = 0;
  while (now_seconds() < end) {
    pthread_t thread[kMost];
    for (int i = 0; i < threads; ++i, ++lives) {
      if (pthread_create(&thread[i], NULL, life, (void*)(uintptr_t)next_random(&state)) != 0)
        storm_fail("no thread");
    }
    start_detached(next_random(&state));
    for (int i = 0; i < threads; ++i) pthread_join(thread[i], NULL);
    for (int i = 0; i < kLeft; i += 3) inspect_and_free(atomic_exchange(&g_left[i], NULL));
  }
  while (atomic_load(&g_detached) > 0) sched_yield();
  usleep(20000); /* the last detached thread is past its handler, not yet past its keys */
  for (int i = 0; i < kLeft; ++i) inspect_and_free(atomic_exchange(&g_left[i], NULL));
  storm_say("%lu threads ended, %lu destructor calls\n", lives, atomic_load(&g_destroyed));
  return lives > 0 && atomic_load(&g_destroyed) > 0 ? 0 : 1;
}

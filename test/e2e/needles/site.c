#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "needle.h"

__attribute__((noinline)) static char* make(size_t size) {
  char* block = malloc(size); /* @allocation */
  memset(block, 1, size);
  return block;
}

/* Small blocks, as most are: 200,000 of them have room in a quarantine of 24 MiB. Those that are taken at the end come from
   the same call, and so from the same site, as all before. */
void churn(struct ring* ring, unsigned calls, const struct taken* taken) {
  const unsigned all = calls + (taken == NULL ? 0 : taken->count);
  for (unsigned i = 0; i < all; ++i) {
    const int kept = i >= calls;
    char** place = kept ? &taken->blocks[i - calls] : &ring->blocks[draw(&ring->random, 0, ring->live - 1)];
    if (!kept) free(*place);
    *place = make(kept ? taken->size : draw(&ring->random, 8, 96));
  }
}

void empty(struct ring* ring) {
  for (unsigned i = 0; i < ring->live; ++i) free(ring->blocks[i]);
}

enum { kMostThreads = 8, kAtOnce = 64 };

static pthread_t threads[kMostThreads];
static unsigned count;
static struct ring rings[kMostThreads];
static int calls_left; /* all three are changed by atomic operations only */
static int busy;
static int stop;

static int claim(void) {
  int left = __atomic_load_n(&calls_left, __ATOMIC_ACQUIRE);
  while (left > 0) {
    if (__atomic_compare_exchange_n(&calls_left, &left, left - kAtOnce, 0, __ATOMIC_ACQ_REL,
                                    __ATOMIC_ACQUIRE))
      return 1;
  }
  return 0;
}

static void* keep_hot(void* argument) {
  struct ring* ring = argument;
  while (!__atomic_load_n(&stop, __ATOMIC_ACQUIRE)) {
    __atomic_add_fetch(&busy, 1, __ATOMIC_ACQ_REL);
    const int claimed = claim();
    if (claimed) churn(ring, kAtOnce, NULL);
    __atomic_sub_fetch(&busy, 1, __ATOMIC_ACQ_REL);
    if (!claimed) usleep(200);
  }
  empty(ring);
  return NULL;
}

void let_threads_do(unsigned calls) {
  if (count > 0) __atomic_store_n(&calls_left, (int)calls, __ATOMIC_RELEASE);
}

void start_threads(const struct plan* plan, unsigned calls) {
  count = plan->threads - 1;
  let_threads_do(calls);
  for (unsigned i = 0; i < count; ++i) {
    rings[i].live = plan->live;
    rings[i].random.state = plan->state + i;
    pthread_create(&threads[i], NULL, keep_hot, &rings[i]);
  }
}

void wait_for_threads(void) {
  while (__atomic_load_n(&calls_left, __ATOMIC_ACQUIRE) > 0 || __atomic_load_n(&busy, __ATOMIC_ACQUIRE) > 0)
    usleep(200);
}

void end_threads(void) {
  __atomic_store_n(&stop, 1, __ATOMIC_RELEASE);
  for (unsigned i = 0; i < count; ++i) pthread_join(threads[i], NULL);
}

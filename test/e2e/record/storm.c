// storm THREADS ROUNDS [pause]: each thread allocates, resizes and frees; some blocks are handed to the next thread. Says "ready"
// when half is done and with "pause" waits for a line then; prints how many calls were made.
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { kHeld = 64, kMostThreads = 80 };
static int rounds;
static _Atomic(void*) handed[kMostThreads];
static atomic_ulong allocations, frees, resizes;

static void* work(void* argument) {
  unsigned long self = (unsigned long)argument;
  unsigned random = (unsigned)self * 7919 + 1;
  void* held[kHeld] = {0};
  unsigned long made = 0, given = 0, moved = 0;
  for (int i = 0; i < rounds; ++i) {
    random = random * 1664525 + 1013904223;
    unsigned at = random >> 20 & (kHeld - 1);
    size_t size = 1 + (random >> 8 & 511);
    if (held[at] == NULL) {
      held[at] = malloc(size);
      ++made;
    } else if ((random & 7) == 0) {
      held[at] = realloc(held[at], size);
      ++moved;
    } else if ((random & 7) == 1) {
      void* other = atomic_exchange(&handed[(self + 1) % kMostThreads], held[at]);
      held[at] = NULL;
      if (other != NULL) free(other), ++given;
    } else {
      free(held[at]);
      held[at] = NULL;
      ++given;
    }
  }
  for (int i = 0; i < kHeld; ++i) {
    if (held[i] != NULL) free(held[i]), ++given;
  }
  atomic_fetch_add(&allocations, made);
  atomic_fetch_add(&frees, given);
  atomic_fetch_add(&resizes, moved);
  return NULL;
}

static void run(int threads) {
  pthread_t all[kMostThreads];
  for (long i = 0; i < threads; ++i) pthread_create(&all[i], NULL, work, (void*)i);
  for (int i = 0; i < threads; ++i) pthread_join(all[i], NULL);
}

int main(int count, char** words) {
  int threads = atoi(words[1]);
  rounds = atoi(words[2]) / 2;
  run(threads);
  puts("ready");
  fflush(stdout);
  if (count > 3 && strcmp(words[3], "pause") == 0) getchar();
  run(threads);
  for (int i = 0; i < kMostThreads; ++i) {
    void* left = atomic_exchange(&handed[i], NULL);
    if (left != NULL) free(left), atomic_fetch_add(&frees, 1);
  }
  printf("done %lu %lu %lu\n", allocations, frees, resizes);
  return 0;
}

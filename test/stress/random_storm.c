/* Threads allocate, resize, free and hand blocks to each other at random; threads end and others take their place; every
   block is verified by whoever frees it. Usage: random_storm [--seconds S] [--seed N] [--threads T] */
#include <pthread.h>
#include <stdatomic.h>

#include "../support/storm.h"

enum { kSlots = 600, kExchange = 256, kMost = 64 };

static _Atomic(void*) g_exchange[kExchange];
static atomic_int g_stop;
static atomic_ulong g_steps;

static void* aligned_painted(uint32_t* state) {
  const size_t alignment = (size_t)16 << (next_random(state) % 9);
  const size_t size = sizeof(struct marked) + random_size(state);
  void* block = aligned_alloc(alignment, size);
  if (block == NULL || (uintptr_t)block % alignment != 0)
    storm_fail("aligned_alloc(%zu, %zu) gave %p", alignment, size, block);
  paint(block, size);
  return block;
}

static void* zeroed_painted(uint32_t* state) {
  const size_t size = sizeof(struct marked) + random_size(state);
  unsigned char* block = calloc(1, size);
  if (block == NULL) storm_fail("no memory for %zu bytes", size);
  for (size_t i = 0; i < size; i += i < 512 ? 1 : 509) {
    if (block[i] != 0) storm_fail("calloc: byte %zu of %zu is not zero", i, size);
  }
  paint(block, size);
  return block;
}

static void step(void** slot, uint32_t* state) {
  const uint32_t act = next_random(state) % 16;
  if (*slot == NULL) {
    *slot = act == 0 ? aligned_painted(state) : act < 3 ? zeroed_painted(state) : painted(random_size(state));
  } else if (act < 2) {
    *slot = repainted(*slot, random_size(state));
  } else if (act < 6) {
    *slot = atomic_exchange(&g_exchange[next_random(state) % kExchange], *slot);
  } else {
    inspect_and_free(*slot);
    *slot = NULL;
  }
}

/* One thread's life: some ten thousand steps. What it still holds at its end, others free. */
static void* life(void* argument) {
  static atomic_uint births;
  uint32_t state = (uint32_t)(uintptr_t)argument * 2654435761u + atomic_fetch_add(&births, 1) * 40503u + 1;
  void* slots[kSlots] = {NULL};
  const int steps = 2000 + (int)(next_random(&state) % 30000);
  for (int i = 0; i < steps && !atomic_load_explicit(&g_stop, memory_order_relaxed); ++i) {
    step(&slots[next_random(&state) % kSlots], &state);
  }
  for (int i = 0; i < kSlots; ++i) {
    if (slots[i] != NULL && i % 3 == 0) slots[i] = atomic_exchange(&g_exchange[i % kExchange], slots[i]);
    inspect_and_free(slots[i]);
  }
  atomic_fetch_add(&g_steps, (unsigned long)steps);
  return NULL;
}

int main(int count, char** words) {
  const struct storm storm = storm_options(count, words);
  const double end = now_seconds() + storm.seconds;
  const int threads = storm.threads < kMost ? storm.threads : kMost;
  pthread_t thread[kMost];
  unsigned long lives = 0;
  for (int i = 0; i < threads; ++i) {
    if (pthread_create(&thread[i], NULL, life, (void*)(uintptr_t)(storm.seed + lives++)) != 0)
      storm_fail("no thread");
  }
  for (int i = 0; now_seconds() < end; i = (i + 1) % threads) {
    pthread_join(thread[i], NULL);
    if (pthread_create(&thread[i], NULL, life, (void*)(uintptr_t)(storm.seed + lives++)) != 0)
      storm_fail("no thread");
  }
  atomic_store(&g_stop, 1);
  for (int i = 0; i < threads; ++i) pthread_join(thread[i], NULL);
  for (int i = 0; i < kExchange; ++i) inspect_and_free(g_exchange[i]);
  storm_say("%lu threads lived, about %lu steps\n", lives, atomic_load(&g_steps));
  return lives > (unsigned long)threads ? 0 : 1;
}

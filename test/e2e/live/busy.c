// Allocates and frees without end in four threads, blocks of all kinds, many of them freed by another thread than the one
// that allocated them; each is checked before it is freed. Ends when standard input does, and prints "sound" unless a
// block was damaged.
#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { kThreads = 4, kSlots = 512, kChecked = 512 };

static _Atomic(uint64_t*) slots[kSlots];
static atomic_bool stop;
static atomic_bool damaged;

static size_t some_size(uint64_t random) {
  if (random % 4096 == 0) return (size_t)65 << 20;  // a mapping of its own
  if (random % 64 == 0) return 65536 + random % 1000000;
  return 16 + random % 2000;
}

static uint64_t* make(uint64_t random) {
  const size_t bytes = some_size(random);
  uint64_t* block = malloc(bytes);
  if (block == NULL) abort();
  const uint64_t words = bytes / 8 < kChecked ? bytes / 8 : kChecked;
  block[0] = words;
  for (uint64_t i = 1; i < words; ++i) block[i] = words ^ i;
  return block;
}

static void check_and_free(uint64_t* block) {
  if (block == NULL) return;
  for (uint64_t i = 1; i < block[0]; ++i) {
    if (block[i] != (block[0] ^ i)) atomic_store(&damaged, 1);
  }
  free(block);
}

static void* work(void* seed) {
  uint64_t state = (uintptr_t)seed * 0x9e3779b97f4a7c15u + 1;
  while (!atomic_load(&stop)) {
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    check_and_free(atomic_exchange(&slots[state % kSlots], make(state >> 20)));
  }
  return NULL;
}

int main(void) {
  pthread_t threads[kThreads];
  for (uintptr_t i = 0; i < kThreads; ++i) {
    if (pthread_create(&threads[i], NULL, work, (void*)i) != 0) return 1;
  }
  puts("ready");
  fflush(stdout);
  char byte;
  while (read(0, &byte, 1) == 1) {
  }
  atomic_store(&stop, 1);
  for (int i = 0; i < kThreads; ++i) pthread_join(threads[i], NULL);
  for (int i = 0; i < kSlots; ++i) check_and_free(slots[i]);
  puts(atomic_load(&damaged) ? "damaged" : "sound");
  return 0;
}

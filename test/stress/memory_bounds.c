/* How much memory a process may stand at, for programs whose live bytes are known.
   Usage: memory_bounds [--seconds S] free_only|producer_consumer|threads|gigabyte|mappings
   free_only          one thread allocates, another only frees: peak RSS within 1.2 x live + 32 MiB
   producer_consumer  two threads, each producing for the other: the same bound
   threads            10,000 threads one after the other, each leaving some blocks behind for main: the same bound
   gigabyte           1 GiB in blocks of 100 bytes, all freed, then sleep: RSS under 96 MiB
   mappings           4 GiB of live small blocks: under 1,000 mappings */
#include <pthread.h>
#include <stdatomic.h>

#include "../support/storm.h"

enum { kMiB = 1024 * 1024, kQueue = 4096, kBatch = 64, kLeast = 10000, kPatience = 60 };

struct queue {
  _Atomic(void*) slot[kQueue];
  atomic_ulong live, most; /* bytes in blocks, as asked for */
};

static struct queue g_there, g_back;
static atomic_int g_stop;
static atomic_ulong g_passed;

static void count_live(struct queue* queue, size_t size) {
  const unsigned long live = atomic_fetch_add(&queue->live, size) + size;
  unsigned long most = atomic_load(&queue->most);
  while (live > most && !atomic_compare_exchange_weak(&queue->most, &most, live)) {
  }
}

static void put(struct queue* queue, unsigned long at, size_t size) {
  void* block = painted(size);
  void* none = NULL;
  count_live(queue, ((struct marked*)block)->size);
  while (!atomic_compare_exchange_weak(&queue->slot[at % kQueue], &none, block)) {
    none = NULL;
    if (atomic_load(&g_stop)) {
      inspect_and_free(block);
      return;
    }
    sched_yield();
  }
}

static void take_all(struct queue* queue) {
  for (int i = 0; i < kQueue; ++i) {
    void* block = atomic_exchange(&queue->slot[i], NULL);
    if (block == NULL) continue;
    atomic_fetch_sub(&queue->live, ((struct marked*)block)->size);
    atomic_fetch_add(&g_passed, 1);
    inspect_and_free(block);
  }
}

static void* only_free(void* unused) {
  (void)unused;
  while (!atomic_load(&g_stop)) {
    take_all(&g_there);
    sched_yield();
  }
  return NULL;
}

static void* answer(void* seed) {
  uint32_t state = (uint32_t)(uintptr_t)seed | 1;
  for (unsigned long at = 0; !atomic_load(&g_stop);) {
    for (int i = 0; i < kBatch; ++i) put(&g_back, at++, 16 + next_random(&state) % 3000);
    take_all(&g_there);
  }
  return NULL;
}

/* A busy machine may take longer than the time that was asked for. */
static int is_over(double end) {
  const double now = now_seconds();
  return now >= end && (atomic_load(&g_passed) > kLeast || now >= end + kPatience);
}

static int verdict(const char* what, size_t most_live) {
  const size_t peak = status_kib("VmHWM:") * 1024;
  const size_t bound = most_live + most_live / 5 + 32 * (size_t)kMiB;
  storm_say("%s: at most %.1f MiB live, peak RSS %.1f MiB, allowed %.1f MiB\n", what,
            (double)most_live / kMiB, (double)peak / kMiB, (double)bound / kMiB);
  return peak <= bound ? 0 : 1;
}

static int free_only(const struct storm* storm) {
  uint32_t state = storm->seed;
  pthread_t thread;
  if (pthread_create(&thread, NULL, only_free, NULL) != 0) storm_fail("no thread");
  const double end = now_seconds() + storm->seconds;
  for (unsigned long at = 0; !is_over(end);) {
    for (int i = 0; i < kBatch; ++i) put(&g_there, at++, 16 + next_random(&state) % 4000);
  }
  atomic_store(&g_stop, 1);
  pthread_join(thread, NULL);
  storm_say("%lu blocks freed by the other thread\n", atomic_load(&g_passed));
  return atomic_load(&g_passed) > kLeast ? verdict("free_only", atomic_load(&g_there.most)) : 1;
}

static int producer_consumer(const struct storm* storm) {
  uint32_t state = storm->seed;
  pthread_t thread;
  if (pthread_create(&thread, NULL, answer, (void*)(uintptr_t)state) != 0) storm_fail("no thread");
  const double end = now_seconds() + storm->seconds;
  for (unsigned long at = 0; !is_over(end);) {
    for (int i = 0; i < kBatch; ++i) {
      const uint32_t random = next_random(&state);
      put(&g_there, at++, 16 + random % (random % 61 == 0 ? 60000 : 3000));
    }
    take_all(&g_back);
  }
  atomic_store(&g_stop, 1);
  pthread_join(thread, NULL);
  storm_say("%lu blocks passed\n", atomic_load(&g_passed));
  return atomic_load(&g_passed) > kLeast
             ? verdict("producer_consumer", atomic_load(&g_there.most) + atomic_load(&g_back.most))
             : 1;
}

enum { kThreadBlocks = 300, kLeft = 40, kKept = 200 };
static void* g_left[kLeft];

static void* short_life(void* seed) {
  uint32_t state = (uint32_t)(uintptr_t)seed * 2654435761u | 1;
  void* blocks[kThreadBlocks];
  for (int i = 0; i < kThreadBlocks; ++i) blocks[i] = painted(16 + next_random(&state) % 2000);
  for (int i = 0; i < kThreadBlocks; ++i) {
    if (i < kLeft)
      g_left[i] = blocks[i];
    else
      inspect_and_free(blocks[i]);
  }
  return NULL;
}

static int many_threads(void) {
  /* Of what each thread leaves, main keeps the last few hundred blocks: they pin spans of long dead threads. */
  static void* kept[kKept];
  const size_t most_live = (size_t)(kThreadBlocks + kKept + kLeft) * 2016;
  for (unsigned long i = 0; i < 10000; ++i) {
    pthread_t thread;
    if (pthread_create(&thread, NULL, short_life, (void*)(uintptr_t)(i + 1)) != 0)
      storm_fail("no thread %lu", i);
    pthread_join(thread, NULL);
    for (int j = 0; j < kLeft; ++j) {
      void** slot = &kept[(i * 7 + (unsigned long)j * 5) % kKept];
      if (j % 8 == 0) {
        inspect_and_free(*slot);
        *slot = g_left[j];
      } else {
        inspect_and_free(g_left[j]);
      }
    }
  }
  return verdict("threads", most_live);
}

static int gigabyte(void) {
  struct link {
    struct link* next;
    char rest[92];
  }* head = NULL;
  const size_t count = ((size_t)1 << 30) / 100;
  for (size_t i = 0; i < count; ++i) {
    struct link* next = malloc(100);
    if (next == NULL) storm_fail("no memory after %zu blocks", i);
    next->next = head;
    next->rest[80] = 1;
    head = next;
  }
  const size_t full = status_kib("VmRSS:") / 1024;
  while (head != NULL) {
    struct link* next = head->next;
    free(head);
    head = next;
  }
  const size_t at_once = status_kib("VmRSS:") / 1024;
  sleep(2);
  const size_t after = status_kib("VmRSS:") / 1024;
  storm_say("gigabyte: RSS %zu MiB full, %zu MiB when all is freed, %zu MiB after a sleep of 2 s\n", full,
            at_once, after);
  return full >= 1000 && after < 96 ? 0 : 1;
}

static size_t count_mappings(void) {
  FILE* file = fopen("/proc/self/maps", "re");
  size_t lines = 0;
  if (file == NULL) return 0;
  for (int c = getc(file); c != EOF; c = getc(file)) lines += c == '\n';
  fclose(file);
  return lines;
}

static int mappings(const struct storm* storm) {
  uint32_t state = storm->seed;
  size_t bytes = 0, blocks = 0;
  while (bytes < (size_t)4 << 30) {
    const size_t size = 16 + next_random(&state) % 1000;
    char* block = malloc(size);
    if (block == NULL) storm_fail("no memory after %zu MiB", bytes / kMiB);
    block[0] = 1;
    block[size - 1] = 1;
    bytes += size;
    ++blocks;
  }
  const size_t maps = count_mappings();
  storm_say("mappings: %zu blocks, %zu MiB live, RSS %zu MiB, %zu mappings\n", blocks, bytes / kMiB,
            status_kib("VmRSS:") / 1024, maps);
  return maps > 0 && maps < 1000 ? 0 : 1;
}

int main(int count, char** words) {
  const struct storm storm = storm_options(count, words);
  if (strcmp(storm.what, "free_only") == 0) return free_only(&storm);
  if (strcmp(storm.what, "producer_consumer") == 0) return producer_consumer(&storm);
  if (strcmp(storm.what, "threads") == 0) return many_threads();
  if (strcmp(storm.what, "gigabyte") == 0) return gigabyte();
  if (strcmp(storm.what, "mappings") == 0) return mappings(&storm);
  return 2;
}

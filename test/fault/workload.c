/* A mixed workload that takes NULL with ENOMEM for an answer and checks everything else: the content of every block, errno,
   the heap's own verdict on itself, and that one refused kernel call refuses at most one request.
   Usage: workload once|forever N THREADS  ("once": the N-th kernel call fails; "forever": all from the N-th on)
   Prints "calls C refused R"; C is the number of kernel calls that the heap made.
   Exit status: 0 as promised, 1 not (the reason on standard error), 2 usage. No stdio buffers: they would be blocks. */
#include <errno.h>
#include <loam/loam.h>
#include <malloc.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { kSlots = 100, kRounds = 6, kMaxThreads = 8, kExchange = 64 };

struct block {
  unsigned char* bytes;
  size_t size;
  unsigned char mark;
};

static int g_forever;
static atomic_ulong g_refused;
static _Atomic(unsigned char*) g_exchange[kExchange];

static void fail(const char* format, ...) {
  char line[256];
  va_list arguments;
  va_start(arguments, format);
  const int length = vsnprintf(line, sizeof line, format, arguments);
  va_end(arguments);
  if (write(2, line, (size_t)length) < 0) _exit(3);
  if (write(2, "\n", 1) < 0) _exit(3);
  _exit(1);
}

/* The ends and some bytes between: enough to see a block that lies over another, without touching every page. */
static size_t next_position(size_t i) { return i + (i < 64 ? 1 : i < 100000 ? 4093 : 131071); }

static void paint(struct block* block) {
  for (size_t i = 0; i < block->size; i = next_position(i)) block->bytes[i] = block->mark;
  if (block->size > 0) block->bytes[block->size - 1] = block->mark;
}

static void inspect(const struct block* block, size_t size) {
  for (size_t i = 0; i < size; i = next_position(i)) {
    if (block->bytes[i] != block->mark) fail("byte %zu of a block of %zu changed", i, block->size);
  }
}

static void refused(int error) {
  if (error != ENOMEM) fail("refused with errno %d, not ENOMEM", error);
  atomic_fetch_add(&g_refused, 1);
}

static size_t pick_size(uint32_t random) {
  static const size_t top[] = {64, 256, 1024, 4096, 16384, 65536, 300000, 1200000, 9000000, 90000000};
  static const unsigned char odds[] = {0, 0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 2, 3,
                                       3, 3, 3, 4, 4, 4, 5, 5, 5, 6, 6, 7, 7, 8, 9};
  return 1 + (random >> 8) % top[odds[random % sizeof odds]];
}

static uint32_t next_random(uint32_t* state) {
  *state ^= *state << 13;
  *state ^= *state >> 17;
  *state ^= *state << 5;
  return *state;
}

static void* request(uint32_t random, size_t size) {
  void* bytes = NULL;
  errno = 0;
  switch (random % 8) {
    case 0:
      bytes = calloc(1, size);
      break;
    case 1:
      bytes = aligned_alloc(64, size);
      break;
    case 2:
      bytes = aligned_alloc(4096, size);
      break;
    case 3:
      errno = posix_memalign(&bytes, 1 << 18, size < 5000000 ? size : 5000000);
      break;
    default:
      bytes = malloc(size);
      break;
  }
  if (bytes == NULL) refused(errno);
  return bytes;
}

static void take(struct block* block, uint32_t* state) {
  const uint32_t random = next_random(state);
  block->size = pick_size(next_random(state));
  if (random % 8 == 3 && block->size > 5000000) block->size = 5000000;
  block->bytes = request(random, block->size);
  block->mark = (unsigned char)random;
  if (block->bytes != NULL) paint(block);
}

static void resize(struct block* block, uint32_t* state) {
  const size_t size = pick_size(next_random(state));
  errno = 0;
  unsigned char* next = realloc(block->bytes, size);
  if (next == NULL) {
    refused(errno);
    inspect(block, block->size);
    return;
  }
  block->bytes = next;
  inspect(block, size < block->size ? size : block->size);
  block->size = size;
  paint(block);
}

/* What one thread leaves, another frees. */
static void hand_over(struct block* block, uint32_t* state) {
  unsigned char* old = atomic_exchange(&g_exchange[next_random(state) % kExchange], block->bytes);
  block->bytes = NULL;
  free(old);
}

static void step(struct block* block, uint32_t* state) {
  if (block->bytes == NULL) {
    take(block, state);
    return;
  }
  inspect(block, block->size);
  switch (next_random(state) % 4) {
    case 0:
      resize(block, state);
      break;
    case 1:
      hand_over(block, state);
      break;
    default:
      free(block->bytes);
      block->bytes = NULL;
      break;
  }
}

static void* mixed(void* seed) {
  struct block blocks[kSlots];
  uint32_t state = (uint32_t)(uintptr_t)seed * 2654435761u + 1;
  memset(blocks, 0, sizeof blocks);
  for (int round = 0; round < kRounds; ++round) {
    for (int i = 0; i < kSlots; ++i) step(&blocks[i], &state);
    if (round == kRounds / 2) malloc_trim(0);
  }
  for (int i = 0; i < kSlots; ++i) {
    if (blocks[i].bytes != NULL) inspect(&blocks[i], blocks[i].size);
    free(blocks[i].bytes);
  }
  return NULL;
}

static void run_threads(int threads) {
  pthread_t thread[kMaxThreads];
  int started[kMaxThreads];
  for (int i = 0; i < threads; ++i) {
    /* A refused block of the C library's own makes the thread fail, and nothing else. */
    const int error = pthread_create(&thread[i], NULL, mixed, (void*)(uintptr_t)(i + 2));
    started[i] = error == 0;
    if (error != 0 && error != EAGAIN && error != ENOMEM) fail("pthread_create returned %d", error);
    if (error != 0) atomic_fetch_add(&g_refused, 1);
  }
  mixed((void*)(uintptr_t)1);
  for (int i = 0; i < threads; ++i) {
    if (started[i]) pthread_join(thread[i], NULL);
  }
}

/* After one refusal the heap serves every size again. */
static void go_on(void) {
  static const size_t sizes[] = {1, 48, 1000, 5000, 40000, 200000, 3000000, 30000000};
  void* blocks[8];
  for (int i = 0; i < 8; ++i) {
    errno = 0;
    blocks[i] = malloc(sizes[i]);
    if (blocks[i] == NULL)
      refused(errno);
    else
      memset(blocks[i], 1, sizes[i] < 100000 ? sizes[i] : 100000);
  }
  for (int i = 0; i < 8; ++i) free(blocks[i]);
}

int main(int count, char** words) {
  if (count != 4) return 2;
  g_forever = strcmp(words[1], "forever") == 0;
  const unsigned long n = strtoul(words[2], NULL, 10);
  const int threads = atoi(words[3]);
  if (threads >= kMaxThreads || loam_kernel_calls == NULL || loam_verify == NULL) {
    fail("not running on loam, or too many threads");
  }
  run_threads(threads);
  for (int i = 0; i < kExchange; ++i) free(g_exchange[i]);
  if (loam_verify() != 0) fail("the heap is inconsistent after the workload");
  go_on();
  if (loam_verify() != 0) fail("the heap is inconsistent at the end");
  const unsigned long calls = loam_kernel_calls();
  const unsigned long refusals = atomic_load(&g_refused);
  if (!g_forever && refusals > 1)
    fail("one failed kernel call (the %lu-th) refused %lu requests", n, refusals);
  char line[64];
  const int length = snprintf(line, sizeof line, "calls %lu refused %lu\n", calls, refusals);
  return write(1, line, (size_t)length) == length ? 0 : 3;
}

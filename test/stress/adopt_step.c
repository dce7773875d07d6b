/* A block of a thread that has ended is freed, and between any two instructions of that free a signal handler allocates so
   much of its class that the heap adopts the block's very span. Whatever free had read by then: the block must be on the
   stack of the thread that freed it, and so be handed out next.
   Usage: adopt_step */
#include <loam/loam.h>
#include <pthread.h>
#include <signal.h>

#include "../support/storm.h"

enum { kSize = 48, kPositions = 160, kMost = 20000, kLeastAdopted = 10 };

static void* g_block;
static uint32_t g_mine;
static void* g_taken[kMost];
static int g_taken_count;
static long g_step, g_position;
static int g_adopted;

static void* one_block(void* unused) {
  (void)unused;
  g_block = malloc(kSize);
  return NULL;
}

static int is_mine(const void* block) {
  loam_block found;
  loam_find(block, &found);
  return found.heap == g_mine;
}

static void on_step(int signal_number) {
  loam_block found;
  (void)signal_number;
  if (g_step++ != g_position || loam_find(g_block, &found) != LOAM_LIVE) return;
  while (!is_mine(g_block) && g_taken_count < kMost) g_taken[g_taken_count++] = malloc(kSize);
  g_adopted = is_mine(g_block);
}

/* The flags are changed below the red zone, which the compiler may be using. */
static void free_in_steps(void* block) {
  __asm__ volatile(
      "leaq -128(%%rsp), %%rsp\n\tpushfq\n\torq $0x100, (%%rsp)\n\tpopfq\n\tleaq 128(%%rsp), %%rsp" ::
          : "memory", "cc");
  free(block);
  __asm__ volatile(
      "leaq -128(%%rsp), %%rsp\n\tpushfq\n\tandq $~0x100, (%%rsp)\n\tpopfq\n\tleaq 128(%%rsp), %%rsp" ::
          : "memory", "cc");
}

static void try_position(long position) {
  pthread_t thread;
  if (pthread_create(&thread, NULL, one_block, NULL) != 0) storm_fail("no thread");
  pthread_join(thread, NULL);
  if (is_mine(g_block)) storm_fail("the other thread's block belongs to this one's heap");
  g_step = 0;
  g_position = position;
  g_adopted = 0;
  free_in_steps(g_block);
  if (g_adopted) {
    void* next = malloc(kSize);
    if (next != g_block)
      storm_fail("handler at instruction %ld: %p was freed, and %p handed out next", position, g_block, next);
    free(next);
  }
  while (g_taken_count > 0) free(g_taken[--g_taken_count]);
}

int main(int count, char** words) {
  struct sigaction action = {0};
  loam_block found;
  int adopted = 0;
  storm_options(count, words);
  void* own = malloc(kSize);
  loam_find(own, &found);
  g_mine = found.heap;
  action.sa_handler = on_step;
  sigaction(SIGTRAP, &action, NULL);
  for (long position = 0; position < kPositions; ++position) {
    try_position(position);
    adopted += g_adopted;
  }
  free(own);
  if (adopted < kLeastAdopted) storm_fail("only %d spans were adopted", adopted);
  if (loam_verify() != 0) return 1;
  storm_say("adopted at %d instructions\n", adopted);
  return 0;
}

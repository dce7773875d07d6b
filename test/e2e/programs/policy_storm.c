// Under a placement policy: threads, forks and signal handlers that allocate and free while others hold the region's lock.
#include <malloc.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

enum { kThreads = 2, kBlocks = 200, kRounds = 20000 };

static volatile sig_atomic_t handled;

static void check(int holds, const char* what) {
  if (holds) return;
  dprintf(2, "policy_storm: %s\n", what);
  _exit(1);
}

static void on_alarm(int number) {
  (void)number;
  char* block = malloc(100);
  check(block != NULL, "no memory in the handler");
  memset(block, 7, 100);
  block = realloc(block, 5000);
  check(block != NULL && block[99] == 7, "realloc in the handler");
  free(block);
  handled++;
}

static void* work(void* argument) {
  unsigned seed = (unsigned)(uintptr_t)argument;
  unsigned char* blocks[kBlocks] = {0};
  size_t sizes[kBlocks] = {0};
  for (int i = 0; i < kRounds; ++i) {
    seed = seed * 1103515245u + 12345u;
    const unsigned at = (seed >> 16) % kBlocks;
    const size_t size = (seed >> 8) % 3000 + 1;
    if (blocks[at] != NULL) {
      check(blocks[at][0] == (unsigned char)at && blocks[at][sizes[at] - 1] == (unsigned char)at,
            "a block was overwritten");
      check(malloc_usable_size(blocks[at]) >= sizes[at], "usable size");
    }
    if (seed % 3 == 0) {
      free(blocks[at]);
      blocks[at] = NULL;
      continue;
    }
    if (seed % 7 == 0) {
      free(blocks[at]);
      check(posix_memalign((void**)&blocks[at], 64u << seed % 8, size) == 0, "posix_memalign");
      check((uintptr_t)blocks[at] % (64u << seed % 8) == 0, "alignment");
    } else {
      blocks[at] = realloc(blocks[at], size);
    }
    check(blocks[at] != NULL, "no memory");
    memset(blocks[at], (int)at, size);
    sizes[at] = size;
  }
  for (int i = 0; i < kBlocks; ++i) free(blocks[i]);
  return NULL;
}

int main(void) {
  struct sigaction action = {.sa_handler = on_alarm, .sa_flags = SA_RESTART};
  sigaction(SIGALRM, &action, NULL);
  const struct itimerval often = {{0, 300}, {0, 300}};
  setitimer(ITIMER_REAL, &often, NULL);
  pthread_t threads[kThreads];
  for (uintptr_t i = 0; i < kThreads; ++i) pthread_create(&threads[i], NULL, work, (void*)(i + 1));
  for (int i = 0; i < 10; ++i) {
    const pid_t child = fork();
    if (child == 0) {
      char* zero = calloc(1, 3000);
      for (int j = 0; j < 3000; ++j) check(zero[j] == 0, "calloc is not zero");
      free(zero);
      _exit(0);
    }
    int status = 1;
    while (waitpid(child, &status, 0) < 0) continue;
    check(status == 0, "the child of a fork");
  }
  for (int i = 0; i < kThreads; ++i) pthread_join(threads[i], NULL);
  const struct itimerval never = {{0, 0}, {0, 0}};
  setitimer(ITIMER_REAL, &never, NULL);
  check(handled > 0, "no signal came");
  printf("ok\n");
  return 0;
}

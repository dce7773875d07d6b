// A thread that blocks all signals and runs, one that blocks them and waits, and one lost block. Ends with its input.
#define _GNU_SOURCE
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static atomic_int end, deaf;
static int wake[2];

static void block_all(void) {
  sigset_t all;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, NULL);
  atomic_fetch_add(&deaf, 1);
}

static void* run(void* unused) {
  pthread_setname_np(pthread_self(), "runs");
  block_all();
  while (!atomic_load(&end)) continue;
  return unused;
}

static void* wait_long(void* unused) {
  pthread_setname_np(pthread_self(), "waits");
  block_all();
  void* volatile held = malloc(7000);
  memset(held, 1, 7000);
  atomic_fetch_add(&deaf, 1);
  // All the time: one that blocks signals and just wants a processor could not be told from one that runs.
  char byte;
  if (read(wake[0], &byte, 1) != 0) return NULL;
  free(held);
  return unused;
}

__attribute__((noinline)) static void lose(void) {
  for (int i = 0; i < 100; ++i) {
    char* volatile lost = malloc(3000);
    memset(lost, 1, 3000);
  }
}

__attribute__((noinline)) static void clear_stack(void) {
  volatile char room[16384];
  for (size_t i = 0; i < sizeof room; ++i) room[i] = 0;
}

int main(void) {
  pthread_t runs, waits;
  if (pipe(wake) != 0) return 1;
  pthread_create(&runs, NULL, run, NULL);
  pthread_create(&waits, NULL, wait_long, NULL);
  lose();
  clear_stack();
  while (atomic_load(&deaf) != 3) usleep(1000);  // each for itself, and what one of them holds is there
  puts("ready");
  fflush(stdout);
  char byte;
  if (read(0, &byte, 1) < 0) return 1;
  atomic_store(&end, 1);
  close(wake[1]);
  pthread_join(runs, NULL);
  pthread_join(waits, NULL);
  return 0;
}

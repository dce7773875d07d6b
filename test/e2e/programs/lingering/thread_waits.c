/* lost: 1 */
#include "../check/tiny.h"

#include <pthread.h>
#include <semaphore.h>

/* The thread still lives when the process ends: it waits in a loop of its own, far from the call that lost the block. */
static sem_t lost, never;

static __attribute__((noinline)) void lose(int defect) {
  char* block = malloc(111); /* @allocation */
  block[0] = 1;
  sink = *(char*)hidden(block);
  if (!defect) free(block);
}

static void* run(void* defect) {
  lose(defect != NULL);
  sem_post(&lost);
  for (;;) sem_wait(&never);
  return NULL;
}

int main(int count, char** words) {
  pthread_t thread;
  sem_init(&lost, 0, 0);
  sem_init(&never, 0, 0);
  pthread_create(&thread, NULL, run, has_defect(count, words) ? words : NULL);
  sem_wait(&lost);
  return 0;
}

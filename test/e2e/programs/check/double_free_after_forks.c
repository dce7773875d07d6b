/* expect: double-free */
#include "tiny.h"

#include <pthread.h>
#include <sys/wait.h>

/* Threads allocate while the process forks; each child starts threads that allocate on what the others left. */
static volatile int stop;

static void* churn(void* argument) {
  void* blocks[64] = {argument};
  blocks[0] = NULL;
  for (unsigned i = 0; !stop; ++i) {
    free(blocks[i % 64]);
    blocks[i % 64] = malloc(i % 500);
  }
  for (int i = 0; i < 64; ++i) free(blocks[i]);
  return NULL;
}

static void* work(void* argument) {
  for (int i = 0; i < 2000; ++i) free(malloc((size_t)i));
  return argument;
}

int main(int count, char** words) {
  const int defect = has_defect(count, words);
  pthread_t threads[3];
  for (int i = 0; i < 3; ++i) pthread_create(&threads[i], NULL, churn, NULL);
  for (int i = 0; i < 20; ++i) {
    const pid_t child = fork();
    if (child == 0) {
      pthread_t inner[3];
      for (int t = 0; t < 3; ++t) pthread_create(&inner[t], NULL, work, NULL);
      for (int t = 0; t < 3; ++t) pthread_join(inner[t], NULL);
      exit(0);
    }
    int status = 0;
    waitpid(child, &status, 0);
    if (status != 0) return 1;
  }
  stop = 1;
  for (int i = 0; i < 3; ++i) pthread_join(threads[i], NULL);
  char* block = malloc(40);        /* @allocation */
  free(block);                     /* @free */
  if (defect) free(hidden(block)); /* @access */
  return 0;
}

/* expect: double-free */
#include "tiny.h"

#include <pthread.h>
#include <signal.h>
#include <sys/time.h>

/* A handler allocates and frees at any moment, also in the middle of check mode's own code, while threads come and go. */
static void on_alarm(int signal) {
  void* block = malloc(64 + signal);
  memset(block, 1, 64);
  free(block);
}

static void* churn(void* seed) {
  void* blocks[256] = {NULL};
  unsigned state = (unsigned)(size_t)seed;
  for (long i = 0; i < 40000; ++i) {
    state = state * 1103515245 + 12345;
    const unsigned at = (state >> 16) % 256;
    free(blocks[at]);
    blocks[at] = malloc((state >> 8) % 700);
  }
  for (int i = 0; i < 256; ++i) free(blocks[i]);
  return NULL;
}

int main(int count, char** words) {
  const int defect = has_defect(count, words);
  struct sigaction action = {0};
  action.sa_handler = on_alarm;
  sigaction(SIGALRM, &action, NULL);
  const struct itimerval often = {{0, 200}, {0, 200}};
  const struct itimerval never = {{0, 0}, {0, 0}};
  setitimer(ITIMER_REAL, &often, NULL);
  for (int round = 0; round < 3; ++round) {
    pthread_t threads[4];
    for (long i = 0; i < 4; ++i) pthread_create(&threads[i], NULL, churn, (void*)(i + 1));
    for (int i = 0; i < 4; ++i) pthread_join(threads[i], NULL);
  }
  setitimer(ITIMER_REAL, &never, NULL);
  char* block = malloc(40);        /* @allocation */
  free(block);                     /* @free */
  if (defect) free(hidden(block)); /* @access */
  return 0;
}

/* expect: leak */
#include "tiny.h"

#include <pthread.h>

/* The thread that lost it has ended. */
static void* run(void* defect) {
  char* block = malloc(200); /* @allocation */
  block[0] = 1;
  if (defect == NULL) free(block);
  return NULL;
}

int main(int count, char** words) {
  pthread_t thread;
  pthread_create(&thread, NULL, run, has_defect(count, words) ? words : NULL);
  pthread_join(thread, NULL);
  return 0;
}

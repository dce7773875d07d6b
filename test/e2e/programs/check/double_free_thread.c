/* expect: double-free */
#include "tiny.h"

#include <pthread.h>

static void* release(void* block) {
  free(block); /* @free */
  return NULL;
}

int main(int count, char** words) {
  const int defect = has_defect(count, words);
  pthread_t thread;
  char* block = malloc(40); /* @allocation */
  pthread_create(&thread, NULL, release, block);
  pthread_join(thread, NULL);
  if (defect) free(hidden(block)); /* @access */
  return 0;
}

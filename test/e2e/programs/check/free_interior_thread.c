/* expect: invalid-free */
#include "tiny.h"

#include <pthread.h>

static void* run(void* block) {
  free(hidden(block)); /* @access */
  return NULL;
}

int main(int count, char** words) {
  const int defect = has_defect(count, words);
  char* block = malloc(64); /* @allocation */
  pthread_t thread;
  pthread_create(&thread, NULL, run, block + (defect ? 16 : 0));
  pthread_join(thread, NULL);
  return 0;
}

/* expect: use-after-free */
#include "tiny.h"

#include <pthread.h>

static void* use(void* block) {
  *(int*)hidden(block) = 1;
  return NULL;
}

int main(int count, char** words) {
  const int defect = has_defect(count, words);
  pthread_t thread;
  int* block = malloc(40); /* @allocation */
  free(block);             /* @free */
  if (defect) {
    pthread_create(&thread, NULL, use, block);
    pthread_join(thread, NULL);
  }
  return 0;
}

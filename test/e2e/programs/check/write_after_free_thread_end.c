/* expect: use-after-free */
#include "tiny.h"

#include <pthread.h>

static void* make(void* argument) {
  (void)argument;
  int* block = malloc(40); /* @allocation */
  free(block);             /* @free */
  return block;
}

int main(int count, char** words) {
  const int defect = has_defect(count, words);
  pthread_t thread;
  void* block = NULL;
  pthread_create(&thread, NULL, make, NULL);
  pthread_join(thread, &block);
  if (defect) *(int*)hidden(block) = 3;
  return 0;
}

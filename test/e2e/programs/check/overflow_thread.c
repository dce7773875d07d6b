/* expect: overflow */
#include "tiny.h"

#include <pthread.h>

static void* run(void* defect) {
  char* block = malloc(70); /* @allocation */
  if (defect != NULL) ((char*)hidden(block))[70] = 'x';
  free(block);
  return NULL;
}

int main(int count, char** words) {
  pthread_t thread;
  pthread_create(&thread, NULL, run, has_defect(count, words) ? words : NULL);
  pthread_join(thread, NULL);
  return 0;
}

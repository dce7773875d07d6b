/* lost: 1 */
#include "../check/tiny.h"

#include <pthread.h>

static __attribute__((noinline)) void step(const char* block) { sink = block[0]; }

static void* run(void* defect) {
  char* block = calloc(1, 300); /* @allocation */
  for (int i = 0; i < 3; ++i) step(block);
  if (defect == NULL) free(block);
  return NULL;
}

int main(int count, char** words) {
  pthread_t thread;
  pthread_create(&thread, NULL, run, has_defect(count, words) ? words : NULL);
  pthread_join(thread, NULL);
  return 0;
}

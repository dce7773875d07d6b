/* expect: underflow */
#include "tiny.h"

#include <pthread.h>

static void* run(void* defect) {
  long* numbers = malloc(10 * sizeof *numbers); /* @allocation */
  if (defect != NULL) ((long*)hidden(numbers))[-1] = 0;
  free(numbers);
  return NULL;
}

int main(int count, char** words) {
  pthread_t thread;
  pthread_create(&thread, NULL, run, has_defect(count, words) ? words : NULL);
  pthread_join(thread, NULL);
  return 0;
}

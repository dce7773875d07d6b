/* lost: 1 */
#include "../check/tiny.h"

#include <pthread.h>

/* The result of a thread that nobody asks for. */
static void* run(void* argument) {
  char* result = malloc(81); /* @allocation */
  result[0] = 1;
  return argument == NULL ? (free(result), NULL) : result;
}

int main(int count, char** words) {
  pthread_t thread;
  pthread_create(&thread, NULL, run, has_defect(count, words) ? words : NULL);
  pthread_join(thread, NULL);
  return 0;
}

/* lost: 1 */
#include "../check/tiny.h"

#include <pthread.h>

/* A value of the thread's own, without a destructor. */
static pthread_key_t key;

static void* run(void* defect) {
  pthread_setspecific(key, malloc(66)); /* @allocation */
  *(char*)pthread_getspecific(key) = 1;
  if (defect == NULL) free(pthread_getspecific(key));
  return NULL;
}

int main(int count, char** words) {
  pthread_t thread;
  pthread_key_create(&key, NULL);
  pthread_create(&thread, NULL, run, has_defect(count, words) ? words : NULL);
  pthread_join(thread, NULL);
  return 0;
}

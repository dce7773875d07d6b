/* lost: 1 */
#include "../check/tiny.h"

#include <pthread.h>

static __thread char* mine;

static void* run(void* defect) {
  mine = malloc(55); /* @allocation */
  mine[0] = 1;
  if (defect == NULL) free(mine);
  return NULL;
}

int main(int count, char** words) {
  pthread_t thread;
  pthread_create(&thread, NULL, run, has_defect(count, words) ? words : NULL);
  pthread_join(thread, NULL);
  return 0;
}

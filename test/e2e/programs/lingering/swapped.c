/* lost: 1 */
#include "../check/tiny.h"

static void swap(char** one, char** other) {
  char* kept = *one;
  *one = *other;
  *other = kept;
}

/* After the swap the wrong one is freed, and then forgotten to be the same. */
static void work(int defect) {
  char* small = malloc(20);
  char* large = malloc(200); /* @allocation */
  small[0] = large[0] = 1;
  if (sink == 0) swap(&small, &large);
  free(large);
  if (!defect) free(small);
}

int main(int count, char** words) {
  work(has_defect(count, words));
  return 0;
}

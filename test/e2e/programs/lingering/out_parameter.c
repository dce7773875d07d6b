/* lost: 1 */
#include "../check/tiny.h"

__attribute__((noinline)) static int create(char** out) {
  *out = malloc(77); /* @allocation */
  (*out)[0] = 1;
  return 0;
}

int main(int count, char** words) {
  char* first = NULL;
  char* second = NULL;
  create(&first);
  sink = first[0];
  if (!has_defect(count, words)) free(first);
  first = NULL;
  create(hidden(&first));
  second = first;
  free(second);
  return 0;
}

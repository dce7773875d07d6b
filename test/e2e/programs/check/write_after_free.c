/* expect: use-after-free */
#include "tiny.h"

int main(int count, char** words) {
  const int defect = has_defect(count, words);
  int* block = malloc(40);                  /* @allocation */
  free(block);                              /* @free */
  if (defect) ((int*)hidden(block))[3] = 1; /* @access? */
  return 0;
}

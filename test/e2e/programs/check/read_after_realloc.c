/* expect: use-after-free */
#include "tiny.h"

int main(int count, char** words) {
  const int defect = has_defect(count, words);
  int* block = malloc(40); /* @allocation */
  block[3] = 4;
  int* moved = realloc(block, 4000);                    /* @free */
  if (defect) sink = ((volatile int*)hidden(block))[3]; /* @access */
  free(moved);
  return 0;
}

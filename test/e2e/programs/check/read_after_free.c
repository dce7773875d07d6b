/* expect: use-after-free */
#include "tiny.h"

int main(int count, char** words) {
  const int defect = has_defect(count, words);
  int* block = malloc(40); /* @allocation */
  block[3] = 4;
  free(block);                                          /* @free */
  if (defect) sink = ((volatile int*)hidden(block))[3]; /* @access */
  return 0;
}

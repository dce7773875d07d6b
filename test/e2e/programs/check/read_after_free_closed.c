/* expect: use-after-free */
#include "tiny.h"

int main(int count, char** words) {
  const int defect = has_defect(count, words);
  int* block = malloc(40); /* @allocation */
  block[3] = 4;
  free(block); /* @free */
  /* A daemon closes what it may have inherited. */
  for (int descriptor = 3; descriptor < 1024; ++descriptor) close(descriptor);
  free(malloc(40));
  if (defect) sink = ((volatile int*)hidden(block))[3]; /* @access */
  return 0;
}

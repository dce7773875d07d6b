/* expect: use-after-free */
#include "tiny.h"

int main(int count, char** words) {
  const int defect = has_defect(count, words);
  char* block = malloc(150000); /* @allocation */
  block[70000] = 4;
  free(block);                                               /* @free */
  if (defect) sink = ((volatile char*)hidden(block))[70000]; /* @access */
  return 0;
}

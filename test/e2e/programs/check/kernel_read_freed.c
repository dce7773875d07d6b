/* expect: use-after-free */
#include "tiny.h"

int main(int count, char** words) {
  const int defect = has_defect(count, words);
  int ends[2];
  if (pipe(ends) != 0 || write(ends[1], "hello", 5) != 5) return 1;
  char* block = malloc(100); /* @allocation */
  if (!defect) sink = (int)read(ends[0], block, 100);
  free(block);                                             /* @free */
  if (defect) sink = (int)read(ends[0], hidden(block), 5); /* @access */
  return 0;
}

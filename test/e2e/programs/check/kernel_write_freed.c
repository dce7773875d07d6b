/* expect: use-after-free */
#include "tiny.h"

int main(int count, char** words) {
  const int defect = has_defect(count, words);
  int ends[2];
  if (pipe(ends) != 0) return 1;
  char* block = malloc(40); /* @allocation */
  memset(block, 'x', 40);
  if (!defect) sink = (int)write(ends[1], block, 40);
  free(block);                                               /* @free */
  if (defect) sink = (int)write(ends[1], hidden(block), 40); /* @access */
  return 0;
}

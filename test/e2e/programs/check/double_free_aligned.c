/* expect: double-free */
#include "tiny.h"

int main(int count, char** words) {
  const int defect = has_defect(count, words);
  void* block = aligned_alloc(256, 512); /* @allocation */
  free(block);                           /* @free */
  if (defect) free(hidden(block));       /* @access */
  return 0;
}

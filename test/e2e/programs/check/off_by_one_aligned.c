/* expect: overflow */
#include "tiny.h"

int main(int count, char** words) {
  const int defect = has_defect(count, words);
  char* block = aligned_alloc(64, 128); /* @allocation */
  if (defect) ((char*)hidden(block))[128] = 1;
  free(block);
  return 0;
}

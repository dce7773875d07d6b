/* expect: underflow, with --flip */
#include "tiny.h"

int main(int count, char** words) {
  const int defect = has_defect(count, words);
  char* block = malloc(100);                              /* @allocation */
  if (defect) sink = ((volatile char*)hidden(block))[-5]; /* @access */
  free(block);
  return 0;
}

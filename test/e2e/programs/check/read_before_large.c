/* expect: underflow, with --flip */
#include "tiny.h"

int main(int count, char** words) {
  const int defect = has_defect(count, words);
  char* block = malloc(200000);                             /* @allocation */
  if (defect) sink = ((volatile char*)hidden(block))[-100]; /* @access */
  free(block);
  return 0;
}

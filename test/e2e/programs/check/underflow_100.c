/* expect: underflow */
#include "tiny.h"

int main(int count, char** words) {
  const int defect = has_defect(count, words);
  char* block = malloc(100);                    /* @allocation */
  if (defect) ((char*)hidden(block))[-1] = 'x'; /* @access? */
  free(block);
  return 0;
}

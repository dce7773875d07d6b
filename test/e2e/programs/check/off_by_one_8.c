/* expect: overflow */
#include "tiny.h"

int main(int count, char** words) {
  const int defect = has_defect(count, words);
  char* block = malloc(8);                     /* @allocation */
  if (defect) ((char*)hidden(block))[8] = 'x'; /* @access? */
  free(block);
  return 0;
}

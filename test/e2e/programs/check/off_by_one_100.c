/* expect: overflow */
#include "tiny.h"

int main(int count, char** words) {
  const int defect = has_defect(count, words);
  char* block = malloc(100);                     /* @allocation */
  if (defect) ((char*)hidden(block))[100] = 'x'; /* @access? */
  free(block);
  return 0;
}

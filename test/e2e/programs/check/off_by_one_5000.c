/* expect: overflow */
#include "tiny.h"

int main(int count, char** words) {
  const int defect = has_defect(count, words);
  char* block = malloc(5000);                     /* @allocation */
  if (defect) ((char*)hidden(block))[5000] = 'x'; /* @access? */
  free(block);
  return 0;
}

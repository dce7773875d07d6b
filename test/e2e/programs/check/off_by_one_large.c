/* expect: overflow */
#include "tiny.h"

int main(int count, char** words) {
  const int defect = has_defect(count, words);
  char* block = malloc(200000);                     /* @allocation */
  if (defect) ((char*)hidden(block))[200000] = 'x'; /* @access? */
  free(block);
  return 0;
}

/* expect: double-free */
#include "tiny.h"

int main(int count, char** words) {
  const int defect = has_defect(count, words);
  char* block = malloc(0);         /* @allocation */
  free(block);                     /* @free */
  if (defect) free(hidden(block)); /* @access */
  return 0;
}

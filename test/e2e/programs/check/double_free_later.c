/* expect: double-free */
#include "tiny.h"

int main(int count, char** words) {
  const int defect = has_defect(count, words);
  char* block = malloc(72); /* @allocation */
  free(block);              /* @free */
  for (int i = 0; i < 50000; ++i) free(malloc(72));
  if (defect) free(hidden(block)); /* @access */
  return 0;
}

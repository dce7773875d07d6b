/* expect: double-free */
#include "tiny.h"

int main(int count, char** words) {
  const int defect = has_defect(count, words);
  char* block = malloc(40);          /* @allocation */
  char* moved = realloc(block, 400); /* @free */
  if (defect) free(hidden(block));   /* @access */
  free(moved);
  return 0;
}

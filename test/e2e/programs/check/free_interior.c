/* expect: invalid-free */
#include "tiny.h"

int main(int count, char** words) {
  const int defect = has_defect(count, words);
  char* block = malloc(64);                   /* @allocation */
  if (defect) free((char*)hidden(block) + 8); /* @access */
  free(block);
  return 0;
}

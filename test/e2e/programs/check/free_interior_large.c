/* expect: invalid-free */
#include "tiny.h"

int main(int count, char** words) {
  const int defect = has_defect(count, words);
  char* block = malloc(500000);                  /* @allocation */
  if (defect) free((char*)hidden(block) + 4096); /* @access */
  free(block);
  return 0;
}

/* expect: underflow */
#include "tiny.h"

int main(int count, char** words) {
  const int defect = has_defect(count, words);
  char* block = malloc(10);
  block = realloc(block, 500); /* @allocation */
  if (defect) ((char*)hidden(block))[-1] = 0;
  free(block);
  return 0;
}

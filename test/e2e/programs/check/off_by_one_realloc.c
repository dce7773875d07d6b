/* expect: overflow */
#include "tiny.h"

int main(int count, char** words) {
  const int defect = has_defect(count, words);
  char* block = realloc(malloc(10), 30); /* @allocation */
  if (defect) ((char*)hidden(block))[30] = 'x';
  free(block);
  return 0;
}

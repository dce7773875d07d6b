/* expect: overflow */
#include "tiny.h"

int main(int count, char** words) {
  const int defect = has_defect(count, words);
  int* block = calloc(5, sizeof(int)); /* @allocation */
  if (defect) ((int*)hidden(block))[5] = 1;
  free(block);
  return 0;
}

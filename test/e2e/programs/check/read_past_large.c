/* expect: overflow */
#include "tiny.h"

int main(int count, char** words) {
  const int defect = has_defect(count, words);
  char* block = malloc(100000);                                    /* @allocation */
  if (defect) sink = ((volatile char*)hidden(block))[100000 + 64]; /* @access */
  free(block);
  return 0;
}

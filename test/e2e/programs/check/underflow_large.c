/* expect: underflow */
#include "tiny.h"

int main(int count, char** words) {
  const int defect = has_defect(count, words);
  char* block = malloc(300001); /* @allocation */
  if (defect) ((char*)hidden(block))[-1] = 0;
  free(block);
  return 0;
}

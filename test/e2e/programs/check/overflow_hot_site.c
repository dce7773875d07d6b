/* expect: overflow */
#include "tiny.h"

int main(int count, char** words) {
  const int defect = has_defect(count, words);
  for (int i = 0; i < 60000; ++i) {
    char* block = malloc(33); /* @allocation */
    if (defect && i == 55555) ((char*)hidden(block))[33] = 1;
    free(block);
  }
  return 0;
}

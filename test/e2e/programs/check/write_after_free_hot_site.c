/* expect: use-after-free */
#include "tiny.h"

int main(int count, char** words) {
  const int defect = has_defect(count, words);
  for (int i = 0; i < 60000; ++i) {
    char* block = malloc(48); /* @allocation */
    free(block);              /* @free */
    if (defect && i == 55555) ((char*)hidden(block))[20] = 1;
  }
  return 0;
}

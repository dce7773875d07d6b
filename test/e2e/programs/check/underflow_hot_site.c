/* expect: underflow */
#include "tiny.h"

int main(int count, char** words) {
  const int defect = has_defect(count, words);
  char* blocks[100] = {0};
  for (int i = 0; i < 60000; ++i) {
    free(blocks[i % 100]);
    blocks[i % 100] = malloc(72); /* @allocation */
    if (defect && i == 55555) ((char*)hidden(blocks[i % 100]))[-1] ^= 1;
  }
  for (int i = 0; i < 100; ++i) free(blocks[i]);
  return 0;
}

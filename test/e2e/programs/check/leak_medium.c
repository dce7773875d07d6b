/* expect: leak */
#include "tiny.h"

static void work(int defect) {
  for (int i = 0; i < 300; ++i) {
    char* block = malloc(9000); /* @allocation */
    block[i] = 1;
    if (!defect) free(block);
  }
}

int main(int count, char** words) {
  work(has_defect(count, words));
  return 0;
}

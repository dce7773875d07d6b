/* expect: leak */
#include "tiny.h"

static void work(int defect) {
  char* block = malloc(5000000); /* @allocation */
  block[4000000] = 1;
  if (!defect) free(block);
}

int main(int count, char** words) {
  work(has_defect(count, words));
  return 0;
}

/* expect: leak */
#include "tiny.h"

static void work(int defect) {
  void* block = NULL;
  if (posix_memalign(&block, 256, 1000) != 0) exit(3); /* @allocation */
  memset(block, 1, 1000);
  if (!defect) free(block);
}

int main(int count, char** words) {
  work(has_defect(count, words));
  return 0;
}

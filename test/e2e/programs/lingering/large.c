/* lost: 1 */
#include "../check/tiny.h"

static void work(int defect) {
  char* block = malloc(300000); /* @allocation */
  memset(block, 1, 300000);
  sink = block[1234];
  if (!defect) free(block);
}

int main(int count, char** words) {
  work(has_defect(count, words));
  return 0;
}

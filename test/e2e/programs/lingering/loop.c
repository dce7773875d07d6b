/* lost: 5 */
#include "../check/tiny.h"

/* Only the last of them can linger anywhere. */
static void work(int defect) {
  for (int i = 0; i < 5; ++i) {
    char* block = malloc(40 + (size_t)i); /* @allocation */
    block[0] = (char)i;
    sink = block[0];
    if (!defect) free(block);
  }
}

int main(int count, char** words) {
  work(has_defect(count, words));
  return 0;
}

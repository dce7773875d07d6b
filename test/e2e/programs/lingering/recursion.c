/* lost: 100 */
#include "../check/tiny.h"

static int descend(int depth, int defect) {
  char* block = malloc(16 + (size_t)depth); /* @allocation */
  block[0] = (char)depth;
  const int below = depth == 0 ? 0 : descend(depth - 1, defect);
  const int result = below + block[0];
  if (!defect) free(block);
  return result;
}

int main(int count, char** words) {
  sink = descend(99, has_defect(count, words));
  return 0;
}

/* lost: 1 */
#include "../check/tiny.h"

static void leave(int depth) {
  char room[64];
  room[depth] = (char)depth;
  sink = *(char*)hidden(&room[depth]);
  if (depth == 0) exit(0);
  leave(depth - 1);
  sink = room[depth];
}

int main(int count, char** words) {
  const int defect = has_defect(count, words);
  char* block = malloc(64); /* @allocation */
  memset(block, 3, 64);
  if (!defect) free(block);
  leave(20);
  return 1;
}

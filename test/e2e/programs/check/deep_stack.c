/* expect: double-free */
#include "tiny.h"

/* Twelve calls between the allocation and main, fifteen at the free: all lines on the way are in the stacks. */
static void* descend(int depth) {
  void* block = depth == 0 ? malloc(40) : descend(depth - 1); /* @allocation */
  sink = depth;
  return block;
}
static void ascend(void* block, int depth) {
  if (depth == 0)
    free(block); /* @free @access */
  else
    ascend(block, depth - 1);
  sink = depth;
}

int main(int count, char** words) {
  const int defect = has_defect(count, words);
  void* block = descend(12);
  ascend(block, 15);
  if (defect) ascend(hidden(block), 15);
  return 0;
}

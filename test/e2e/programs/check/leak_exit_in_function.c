/* expect: leak */
#include "tiny.h"

/* exit() is called deep down: what frames hold that nobody returns to is shown as a dead slot, and lost blocks are lost. */
static void work(int defect) {
  char* block = hidden(malloc(90)); /* @allocation */
  block[0] = 1;
  if (!defect) free(block);
}
static void finish(int depth) {
  if (depth == 0) exit(0);
  finish(depth - 1);
  sink = depth;
}

int main(int count, char** words) {
  work(has_defect(count, words));
  scrub();
  finish(10);
  return 1;
}

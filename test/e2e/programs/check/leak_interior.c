/* expect: leak */
#include "tiny.h"

/* A pointer into the middle holds a block; one right behind its end does not. */
static char* volatile kept;

static void work(int defect) {
  char* block = malloc(128); /* @allocation */
  block[0] = 1;
  kept = block + (defect ? 128 : 100);
}

int main(int count, char** words) {
  work(has_defect(count, words));
  return 0;
}

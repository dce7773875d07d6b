/* expect: leak */
#include "tiny.h"

/* A pool of blocks in a table is reachable and no leak; the one that leaves the table is. */
static char* volatile table[1024];

static void fill(void) {
  for (int i = 0; i < 1024; ++i) {
    table[i] = malloc(1024); /* @allocation */
    table[i][0] = 1;
  }
}

int main(int count, char** words) {
  fill();
  if (has_defect(count, words)) table[700] = NULL;
  return 0;
}

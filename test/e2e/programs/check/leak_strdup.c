/* expect: leak */
#include "tiny.h"

/* The C library allocates: the line is that of the call. */
static void work(int defect) {
  char* copy = strdup("twenty-four letters here"); /* @allocation */
  sink = copy[0];
  if (!defect) free(copy);
}

int main(int count, char** words) {
  work(has_defect(count, words));
  return 0;
}

/* expect: invalid-free */
#include "tiny.h"

static char array[64];

int main(int count, char** words) {
  const int defect = has_defect(count, words);
  if (defect) free(hidden(array)); /* @access */
  sink = array[0];
  return 0;
}

/* expect: invalid-free */
#include "tiny.h"

int main(int count, char** words) {
  const int defect = has_defect(count, words);
  char array[64] = {1};
  if (defect) free(hidden(array)); /* @access */
  sink = array[0];
  return 0;
}

/* expect: invalid-free */
#include "tiny.h"

int main(int count, char** words) {
  const int defect = has_defect(count, words);
  if (defect) free(hidden((void*)0x1234560)); /* @access */
  sink = defect;
  return 0;
}

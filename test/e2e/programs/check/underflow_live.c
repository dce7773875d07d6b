/* expect: underflow */
#include "tiny.h"

static char* volatile block;

int main(int count, char** words) {
  const int defect = has_defect(count, words);
  block = malloc(50); /* @allocation */
  if (defect) ((char*)hidden(block))[-2] = 'x';
  return 0;
}

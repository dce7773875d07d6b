/* expect: overflow */
#include "tiny.h"

int main(int count, char** words) {
  const int defect = has_defect(count, words);
  char* block = malloc(90); /* @allocation */
  memset(hidden(block), 1, defect ? 94 : 90);
  free(block);
  return 0;
}

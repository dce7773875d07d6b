/* lost: 1 */
#include "../check/tiny.h"

/* The pointer was needed across calls, and may still be in a register that exit() has to keep. */
int main(int count, char** words) {
  char* block = malloc(64); /* @allocation */
  block[0] = (char)count;
  puts("one");
  sink = block[0];
  puts("two");
  sink = block[1] = 1;
  if (!has_defect(count, words)) free(block);
  exit(0);
}

/* expect: overflow */
#include "tiny.h"

/* The length is that of the whole message, the block holds its body only. Some of it is written before the kernel stops. */
int main(int count, char** words) {
  const int defect = has_defect(count, words);
  int ends[2];
  if (pipe(ends) != 0) return 1;
  char* block = malloc(200); /* @allocation */
  memset(block, 'x', 200);
  sink = (int)write(ends[1], block, defect ? 300 : 200); /* @access */
  free(block);
  return 0;
}

/* lost: 1 */
#include "../check/tiny.h"

#include <stdarg.h>

/* A function with variable arguments writes all argument registers to its frame. */
static int sum(int many, ...) {
  va_list list;
  va_start(list, many);
  int total = 0;
  for (int i = 0; i < many; ++i) total += *va_arg(list, int*);
  va_end(list);
  return total;
}

static void work(int defect) {
  int number = 4;
  int* block = malloc(70); /* @allocation */
  *block = 2;
  sink = sum(4, &number, block, &number, block);
  if (!defect) free(block);
}

int main(int count, char** words) {
  work(has_defect(count, words));
  return 0;
}

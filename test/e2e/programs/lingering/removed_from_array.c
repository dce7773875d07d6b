/* lost: 1 */
#include "../check/tiny.h"

static char* table[16];

static void drop(int at, int* many) {
  memmove(&table[at], &table[at + 1], (size_t)(*many - at - 1) * sizeof *table);
  --*many;
}

int main(int count, char** words) {
  const int defect = has_defect(count, words);
  int many = 0;
  for (; many < 10; ++many) {
    table[many] = malloc(29); /* @allocation */
    table[many][0] = (char)many;
  }
  sink = table[4][0];
  if (!defect) free(table[4]);
  drop(4, &many);
  return 0;
}

/* lost: 1 */
#include "../check/tiny.h"

static int wrong;

static int compare(const void* left, const void* right) {
  static int calls;
  if (++calls == 20) {
    char* key = malloc(35); /* @allocation */
    key[0] = *(const char*)left;
    sink = key[0];
    if (!wrong) free(key);
  }
  return *(const int*)left - *(const int*)right;
}

int main(int count, char** words) {
  int numbers[64];
  wrong = has_defect(count, words);
  for (int i = 0; i < 64; ++i) numbers[i] = i * 37 % 64;
  qsort(numbers, 64, sizeof *numbers, compare);
  sink = numbers[5];
  return 0;
}

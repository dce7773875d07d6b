/* lost: 1 */
#include "../check/tiny.h"

static void work(int defect) {
  int* numbers = NULL;
  for (int i = 0; i < 1000; ++i) {
    if ((i & (i - 1)) == 0)
      numbers = realloc(numbers, sizeof *numbers * 2 * (size_t)(i + 1)); /* @allocation */
    numbers[i] = i;
  }
  sink = numbers[999];
  if (!defect) free(numbers);
}

int main(int count, char** words) {
  work(has_defect(count, words));
  return 0;
}

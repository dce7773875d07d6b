/* expect: leak */
#include "tiny.h"

/* Many of one site, so that the cheap tier has some too. */
static void work(int defect) {
  for (int i = 0; i < 5000; ++i) {
    int* numbers = calloc(25, sizeof *numbers); /* @allocation */
    numbers[3] = i;
    if (!defect) free(numbers);
  }
}

int main(int count, char** words) {
  work(has_defect(count, words));
  return 0;
}

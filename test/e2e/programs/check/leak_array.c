/* expect: leak */
#include "tiny.h"

/* The textbook's: an array that is filled in a function, and that nobody gives back. */
static int sum_to(int n, int defect) {
  int* numbers = malloc(n * sizeof *numbers); /* @allocation */
  int sum = 0;
  for (int i = 0; i < n; ++i) numbers[i] = i;
  for (int i = 0; i < n; ++i) sum += numbers[i];
  if (!defect) free(numbers);
  return sum;
}

int main(int count, char** words) {
  sink = sum_to(100, has_defect(count, words));
  return 0;
}

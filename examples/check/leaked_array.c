/* A function takes an array, uses it, and returns without giving it back: with each call another one is lost.
   gcc -g leaked_array.c -o leaked_array */
#include <stdio.h>
#include <stdlib.h>

static int sum_of_squares(int count) {
  int* squares = malloc(count * sizeof *squares);
  int sum = 0;
  for (int i = 0; i < count; ++i) squares[i] = i * i;
  for (int i = 0; i < count; ++i) sum += squares[i];
  return sum;
}

int main(void) {
  for (int count = 10; count <= 1000; count *= 10) printf("%d\n", sum_of_squares(count));
  return 0;
}

/* A program that takes memory from the program break beside malloc, as old interpreters do. With `--source sbrk` loam's pages
   come from there as well: both must keep to their own.
   gcc -g own_break.c -o own_break */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { kPieces = 64, kBytes = 100000 };

static int holds(const unsigned char* piece, unsigned char value) {
  for (int i = 0; i < kBytes; ++i) {
    if (piece[i] != value) return 0;
  }
  return 1;
}

int main(void) {
  static unsigned char* from_break[kPieces];
  static unsigned char* from_malloc[kPieces];
  for (int i = 0; i < kPieces; ++i) {
    from_break[i] = sbrk(kBytes);
    from_malloc[i] = malloc(kBytes);
    memset(from_break[i], i, kBytes);
    memset(from_malloc[i], 128 + i, kBytes);
  }
  int kept = 0;
  for (int i = 0; i < kPieces; ++i) {
    kept += holds(from_break[i], i) && holds(from_malloc[i], 128 + i);
    free(from_malloc[i]);
  }
  printf("%d of %d pairs kept apart\n", kept, kPieces);
  return kept == kPieces ? 0 : 1;
}

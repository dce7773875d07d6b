/* Blocks of all sizes come and go in no order. First fit begins every search at the low end, so what is too small for most
   requests gathers there.
   gcc -g splinters.c -o splinters */
#include <stdlib.h>

#include "chance.h"

enum { kLive = 4000, kReplaced = 60000 };

/* 16 bytes to 1 KiB, small ones as often as large ones are rare. */
static size_t some_size(void) {
  size_t octave = (size_t)16 << chance(6);
  return octave + chance((unsigned)octave);
}

int main(void) {
  static void* blocks[kLive];
  for (int i = 0; i < kLive; ++i) blocks[i] = malloc(some_size());
  for (int i = 0; i < kReplaced; ++i) {
    unsigned which = chance(kLive);
    free(blocks[which]);
    blocks[which] = malloc(some_size());
  }
  return 0; /* what is live stays, so that the end of the recording shows the heap in use */
}

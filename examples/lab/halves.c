/* Buffers of 32 to 512 KiB, powers of two because round numbers are what people write. With a header of eight bytes in front, a
   buddy system takes the next power of two for each: half of it is padding.
   gcc -g halves.c -o halves */
#include <stdlib.h>

enum { kBuffers = 40 };

int main(void) {
  static char* buffers[kBuffers];
  for (int i = 0; i < kBuffers; ++i) buffers[i] = malloc((size_t)32768 << (i % 5));
  return 0;
}

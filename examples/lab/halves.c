/* Buffers of 512 bytes to 8 KiB, powers of two because round numbers are what people write. With a header of eight bytes in front, a
   buddy system takes the next power of two for each: half of it is padding.
   gcc -g halves.c -o halves */
#include <stdlib.h>
#include <string.h>

enum { kBuffers = 500 };

int main(void) {
  static char* buffers[kBuffers];
  for (int i = 0; i < kBuffers; ++i) {
    size_t bytes = (size_t)512 << (i % 5);
    buffers[i] = malloc(bytes);
    memset(buffers[i], 0, bytes);
  }
  return 0;
}

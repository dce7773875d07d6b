/* A pool: 1,024 blocks of 1,024 bytes that a table holds until the end. They are never given back and yet no leak: the table
   leads to each of them.
   gcc -g pool.c -o pool */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { kBlocks = 1024, kBytes = 1024 };

static char* pool[kBlocks];

int main(void) {
  for (int i = 0; i < kBlocks; ++i) {
    pool[i] = malloc(kBytes);
    memset(pool[i], i, kBytes);
  }
  printf("%d blocks of %d bytes\n", kBlocks, kBytes);
  return 0;
}

// COUNT blocks of SIZE bytes, all written, then all but every EVERYth freed. Prints "ready", the usable size of a block,
// how many are kept, and on how many pages they lie, then waits for the end of standard input.
// With a fourth argument, one more block is allocated before the others are freed, and its address is printed last.
#include <malloc.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int by_value(const void* a, const void* b) {
  const uintptr_t x = *(const uintptr_t*)a;
  const uintptr_t y = *(const uintptr_t*)b;
  return x < y ? -1 : x > y;
}

static size_t count_pages(uintptr_t* pages, size_t count) {
  qsort(pages, count, sizeof *pages, by_value);
  size_t different = count > 0;
  for (size_t i = 1; i < count; ++i) different += pages[i] != pages[i - 1];
  return different;
}

int main(int argc, char** argv) {
  if (argc < 4) return 2;
  const size_t count = strtoul(argv[1], NULL, 10);
  const size_t size = strtoul(argv[2], NULL, 10);
  const size_t every = strtoul(argv[3], NULL, 10);
  char** blocks = malloc(count * sizeof *blocks);
  uintptr_t* pages = malloc((count / every + 1) * 2 * sizeof *pages);
  if (blocks == NULL || pages == NULL) return 1;
  for (size_t i = 0; i < count; ++i) {
    blocks[i] = malloc(size);
    if (blocks[i] == NULL) return 1;
    memset(blocks[i], 1, size);
  }
  char* last = argc > 4 ? malloc(size) : NULL;
  size_t kept = 0;
  size_t noted = 0;
  const size_t usable = malloc_usable_size(blocks[0]);
  for (size_t i = 0; i < count; ++i) {
    if (i % every != 0) {
      free(blocks[i]);
      continue;
    }
    ++kept;
    pages[noted++] = (uintptr_t)blocks[i] / 4096;
    pages[noted++] = ((uintptr_t)blocks[i] + usable - 1) / 4096;
  }
  const size_t different = count_pages(pages, noted);
  free(pages);
  free(blocks);
  printf("ready %zu %zu %zu %p\n", usable, kept, different, (void*)last);
  fflush(stdout);
  char byte;
  while (read(0, &byte, 1) == 1) {
  }
  return 0;
}

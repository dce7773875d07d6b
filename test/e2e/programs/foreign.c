/* No defect: blocks of another malloc in the same process are freed, resized and measured through the usual names, as
   happens when a plugin is bound to libc's own symbols. */
#include <dlfcn.h>

#include "defect.h"

int main(void) {
  void* libc = dlopen("libc.so.6", RTLD_NOW);
  if (libc == NULL) return 2;
  void* (*their_malloc)(size_t) = (void* (*)(size_t))(uintptr_t)dlsym(libc, "malloc");
  if (their_malloc == NULL) return 2;
  static const size_t sizes[] = {16, 48, 1000, 5000, 40000, 200000, 3000000};
  for (int round = 0; round < 50; ++round) {
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; ++i) {
      char* block = their_malloc(sizes[i]);
      char* other = their_malloc(sizes[i]);
      if (block == NULL || other == NULL) return 2;
      memset(block, 'a', sizes[i]);
      if (malloc_usable_size(block) < sizes[i]) return 4;
      block = realloc(block, sizes[i] * 2);
      if (block == NULL || block[0] != 'a' || block[sizes[i] - 1] != 'a') return 5;
      memset(block, 'b', sizes[i] * 2);
      free(block);
      free(other);
    }
  }
  return 0;
}

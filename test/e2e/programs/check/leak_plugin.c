/* expect: leak */
#include "tiny.h"

#include <dlfcn.h>

/* Built twice, as the program and with PLUGIN as a library. The only pointer was in the library's data, which has gone. */
#ifdef PLUGIN
static char* cache;
void fill_cache(void) {
  cache = malloc(123); /* @allocation */
  cache[0] = 1;
}
void drop_cache(void) { free(cache); }
#else
int main(int count, char** words) {
  const int defect = has_defect(count, words);
  char path[4096];
  snprintf(path, sizeof path, "%s.so", words[0]);
  void* library = dlopen(path, RTLD_NOW);
  ((void (*)(void))dlsym(library, "fill_cache"))();
  if (!defect) ((void (*)(void))dlsym(library, "drop_cache"))();
  dlclose(library);
  return 0;
}
#endif

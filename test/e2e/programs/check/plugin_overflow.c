/* expect: overflow */
#include "tiny.h"

#include <dlfcn.h>

/* Built twice, as the program and with PLUGIN as a library, which has gone when the damage is seen. */
#ifdef PLUGIN
char* fill(int defect) {
  char* block = malloc(36); /* @allocation */
  ((char*)hidden(block))[defect ? 36 : 35] = 0;
  return block;
}
#else
int main(int count, char** words) {
  char path[4096];
  snprintf(path, sizeof path, "%s.so", words[0]);
  void* library = dlopen(path, RTLD_NOW);
  char* block = ((char* (*)(int))dlsym(library, "fill"))(has_defect(count, words));
  dlclose(library);
  free(block);
  return 0;
}
#endif

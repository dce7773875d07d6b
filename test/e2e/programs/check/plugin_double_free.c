/* expect: double-free */
#include "tiny.h"

#include <dlfcn.h>

/* The block comes from a library that is loaded while the program runs. */
int main(int count, char** words) {
  const int defect = has_defect(count, words);
  void* library = dlopen("libz.so.1", RTLD_NOW);
  char* (*duplicate)(const char*) = (char* (*)(const char*))dlsym(RTLD_DEFAULT, "strdup");
  char* block = duplicate("hello");
  free(block);                     /* @free */
  if (defect) free(hidden(block)); /* @access */
  if (library != NULL) dlclose(library);
  return 0;
}

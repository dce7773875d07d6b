/* expect: use-after-free */
#include "tiny.h"

#include <dlfcn.h>

/* Built twice: as the program, and with PLUGIN as a library that it loads. The stacks of the allocation and of the free lead
   through the library, which has gone when they are told of. */
#ifdef PLUGIN
char* make_name(void) {
  char* name = malloc(40); /* @allocation */
  strcpy(name, "plugin");
  return name;
}
void drop_name(char* name) {
  free(name); /* @free */
  sink = 1;
}
#else
int main(int count, char** words) {
  const int defect = has_defect(count, words);
  char path[4096];
  snprintf(path, sizeof path, "%s.so", words[0]);
  void* library = dlopen(path, RTLD_NOW);
  char* (*make_name)(void) = (char* (*)(void))dlsym(library, "make_name");
  void (*drop_name)(char*) = (void (*)(char*))dlsym(library, "drop_name");
  char* name = make_name();
  drop_name(name);
  dlclose(library);
  if (defect) sink = *(volatile char*)hidden(name); /* @access */
  return 0;
}
#endif

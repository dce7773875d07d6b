// A program that does nothing: what a malloc costs a process that hardly allocates. The one block makes every malloc set
// itself up.
#include <stdlib.h>

int main(void) {
  void* volatile block = malloc(16);
  free(block);
  return 0;
}

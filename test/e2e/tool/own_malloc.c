/* A program, or a library, which defines one function: NAME. With NAME=malloc it is a program with a malloc of its own. */
#include <stddef.h>

static char pool[1 << 16];
static size_t used;

void* NAME(size_t size);
void* NAME(size_t size) {
  used += (size + 15) & ~(size_t)15;
  return used <= sizeof pool ? pool + used - ((size + 15) & ~(size_t)15) : NULL;
}

#ifdef CALL
void* CALL(size_t size);
#endif

#ifdef MAIN
int main(void) {
#ifdef CALL
  if (CALL(1) == NULL) return 1;
#endif
  return NAME(1) == NULL;
}
#endif

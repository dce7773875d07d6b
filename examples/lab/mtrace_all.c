// Preloaded with libc_malloc_debug.so.0 of the C library (2.34 or later), lets it write every call of malloc, realloc and free to
// the file that MALLOC_TRACE names, for `loam replay`. Programs that the traced one executes are not traced.
#include <mcheck.h>
#include <stdlib.h>

__attribute__((constructor)) static void begin(void) {
  mtrace();
  unsetenv("LD_PRELOAD");
  unsetenv("MALLOC_TRACE");
}

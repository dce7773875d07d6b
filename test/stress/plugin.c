/* A plugin that allocates when it is loaded, used and unloaded, and keeps a block for each thread. */
#include <stdlib.h>
#include <string.h>

static _Thread_local char* t_buffer;
static char* g_buffer;

__attribute__((constructor)) static void loaded(void) {
  g_buffer = malloc(3000);
  if (g_buffer == NULL) abort();
  memset(g_buffer, 1, 3000);
}

__attribute__((destructor)) static void unloaded(void) {
  free(g_buffer);
  free(malloc(100000));
}

/* A block that the caller frees, perhaps after this code is gone. */
char* plugin_use(size_t size) {
  free(t_buffer);
  t_buffer = malloc(size / 2 + 1);
  char* block = malloc(size);
  if (t_buffer == NULL || block == NULL) abort();
  memset(block, 'p', size);
  return block;
}

void plugin_forget(void) {
  free(t_buffer);
  t_buffer = NULL;
}

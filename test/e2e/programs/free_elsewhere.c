/* A pointer that no malloc ever returned is freed (--way KIND) or resized (--way realloc_KIND). */
#include <sys/mman.h>

#include "defect.h"

static char g_zeroed[4096];
static char g_written[4096] = {1};
static const char g_constant[4096] = {1};
static _Thread_local char g_thread_local[64];

static const char* kind;
static int clean;
static int resize;

static void release(void* pointer) {
  announce(NULL, pointer);
  if (clean) return;
  if (resize)
    free(realloc(hidden(pointer), 100));
  else
    free(hidden(pointer));
}

static void* on_a_thread(void* unused) {
  char local[256];
  (void)unused;
  if (strcmp(kind, "thread_local") == 0)
    release(g_thread_local);
  else
    release(local + 64);
  return NULL;
}

static void* mapped(int protection, int flags) {
  void* pages = mmap(NULL, 1 << 20, protection, flags, -1, 0);
  if (pages == MAP_FAILED) _exit(2);
  return pages;
}

int main(int count, char** words) {
  static struct ring ring;
  char local[256];
  const struct options options = read_options(count, words);
  clean = options.clean;
  resize = strncmp(options.way, "realloc_", 8) == 0;
  kind = options.way + (resize ? 8 : 0);
  work(&ring, 5000, NULL);
  if (strcmp(kind, "stack") == 0) {
    release(local + 64);
  } else if (strcmp(kind, "stack_misaligned") == 0) {
    release(local + 67);
  } else if (strcmp(kind, "thread_stack") == 0 || strcmp(kind, "thread_local") == 0) {
    run_thread(on_a_thread, NULL);
  } else if (strcmp(kind, "data") == 0) {
    release(g_written + 16);
  } else if (strcmp(kind, "zeroed") == 0) {
    release(g_zeroed + 16);
  } else if (strcmp(kind, "constant") == 0) {
    release((void*)(uintptr_t)(g_constant + 16));
  } else if (strcmp(kind, "code") == 0) {
    release((void*)((uintptr_t)&main & ~(uintptr_t)15));
  } else if (strcmp(kind, "low") == 0) {
    release((void*)(uintptr_t)0x40);
  } else if (strcmp(kind, "non_canonical") == 0) {
    release((void*)(uintptr_t)0x1234567890abcde0);
  } else if (strcmp(kind, "kernel") == 0) {
    release((void*)~(uintptr_t)15);
  } else if (strcmp(kind, "unmapped") == 0) {
    void* pages = mapped(PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS);
    munmap(pages, 1 << 20);
    release((char*)pages + 4096);
  } else if (strcmp(kind, "shared") == 0) {
    release((char*)mapped(PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS) + 4096);
  } else {
    return 2;
  }
  finish(&ring);
  return 0;
}

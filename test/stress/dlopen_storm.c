/* Plugins are loaded and unloaded by several threads while others allocate; or (with the word "library") the library under
   test itself is, in a program that runs on the C library's malloc.
   Usage: dlopen_storm [--seconds S] [--seed N] plugin|library   with the path in PLUGIN or LOAM_LIB */
#include <pthread.h>
#include <stdatomic.h>

#include "../support/storm.h"

static atomic_int g_stop;
static atomic_ulong g_loads;
static const char* g_path;

static void* symbol(void* handle, const char* name) {
  void* found = dlsym(handle, name);
  if (found == NULL) storm_fail("no %s: %s", name, dlerror());
  return found;
}

static void* open_library(void) {
  void* handle = dlopen(g_path, RTLD_NOW | RTLD_LOCAL);
  if (handle == NULL) storm_fail("dlopen: %s", dlerror());
  atomic_fetch_add(&g_loads, 1);
  return handle;
}

static void* load_plugins(void* seed) {
  uint32_t state = (uint32_t)(uintptr_t)seed | 1;
  char* kept[16] = {NULL};
  while (!atomic_load(&g_stop)) {
    void* handle = open_library();
    char* (*use)(size_t) = (char* (*)(size_t))(uintptr_t)symbol(handle, "plugin_use");
    void (*forget)(void) = (void (*)(void))(uintptr_t)symbol(handle, "plugin_forget");
    for (int i = 0; i < 20; ++i) {
      char** slot = &kept[next_random(&state) % 16];
      if (*slot != NULL && **slot != 'p') storm_fail("a plugin's block changed");
      free(*slot);
      *slot = use(1 + next_random(&state) % 5000);
    }
    forget();
    if (dlclose(handle) != 0) storm_fail("dlclose: %s", dlerror());
  }
  for (int i = 0; i < 16; ++i) free(kept[i]);
  return NULL;
}

/* Blocks of the library go back to the library; the program's own stay with the C library. After the last dlclose the
   thread ends, and whatever the library left behind for its end must still be there. */
static void* load_library(void* seed) {
  uint32_t state = (uint32_t)(uintptr_t)seed | 1;
  for (int round = 0; round < 20 && !atomic_load(&g_stop); ++round) {
    void* handle = open_library();
    void* (*take)(size_t) = (void* (*)(size_t))(uintptr_t)symbol(handle, "malloc");
    void* (*resize)(void*, size_t) = (void* (*)(void*, size_t))(uintptr_t)symbol(handle, "realloc");
    void (*give)(void*) = (void (*)(void*))(uintptr_t)symbol(handle, "free");
    if (take == malloc) storm_fail("the library serves this program already");
    void* blocks[50];
    for (int i = 0; i < 50; ++i) {
      const size_t size = random_size(&state) + sizeof(struct marked);
      blocks[i] = take(size);
      if (blocks[i] == NULL) storm_fail("no memory from the library");
      paint(blocks[i], size);
    }
    for (int i = 0; i < 50; ++i) inspect_and_free(painted(random_size(&state)));
    for (int i = 0; i < 50; ++i) {
      inspect(blocks[i]);
      if (i % 3 == 0) blocks[i] = resize(blocks[i], 3000);
      give(blocks[i]);
    }
    if (dlclose(handle) != 0) storm_fail("dlclose: %s", dlerror());
  }
  return NULL;
}

static void* allocate(void* seed) {
  uint32_t state = (uint32_t)(uintptr_t)seed | 1;
  while (!atomic_load(&g_stop)) inspect_and_free(painted(random_size(&state)));
  return NULL;
}

int main(int count, char** words) {
  int library = 0;
  for (int i = 1; i < count; ++i) library |= strcmp(words[i], "library") == 0;
  if (library) setenv("LOAM_TEST_ANY_MALLOC", "1", 1);
  const struct storm storm = storm_options(count, words);
  g_path = getenv(library ? "LOAM_LIB" : "PLUGIN");
  if (g_path == NULL) storm_fail("no path in %s", library ? "LOAM_LIB" : "PLUGIN");
  const double end = now_seconds() + storm.seconds;
  uint32_t state = storm.seed;
  pthread_t thread[3];
  pthread_create(&thread[2], NULL, allocate, (void*)(uintptr_t)next_random(&state));
  unsigned long lives = 0;
  while (now_seconds() < end) {
    for (int i = 0; i < 2; ++i, ++lives) {
      if (pthread_create(&thread[i], NULL, library ? load_library : load_plugins,
                         (void*)(uintptr_t)next_random(&state)) != 0) {
        storm_fail("no thread");
      }
    }
    if (!library) {
      usleep((useconds_t)(storm.seconds * 1e6));
      atomic_store(&g_stop, 1);
    }
    for (int i = 0; i < 2; ++i) pthread_join(thread[i], NULL);
  }
  atomic_store(&g_stop, 1);
  pthread_join(thread[2], NULL);
  storm_say("%lu loads in %lu threads\n", atomic_load(&g_loads), lives);
  return atomic_load(&g_loads) > 2 ? 0 : 1;
}

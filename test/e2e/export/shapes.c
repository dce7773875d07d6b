// Allocations whose sums are known: blocks that stay, blocks that make the peak, temporary ones, one that grows; in functions that a
// profile must name. Traces itself where the C library's debugging library is preloaded.
#include <mcheck.h>
#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

static void* volatile kept[100];
static void* volatile some[50];

static inline __attribute__((always_inline)) void* make_inlined(size_t bytes) { return malloc(bytes); }

__attribute__((noinline)) void keep(void) {
  for (int i = 0; i < 100; ++i) kept[i] = make_inlined(1000);
}

__attribute__((noinline)) void rise_and_fall(void) {
  for (int i = 0; i < 50; ++i) some[i] = malloc(10000);
  usleep(400000);  // the recorder looks at the process fifty times a second
  for (int i = 0; i < 50; ++i) free(some[i]);
}

__attribute__((noinline)) void spend(void) {
  for (int i = 0; i < 1000; ++i) {
    void* volatile block = malloc(64);
    free(block);
  }
}

__attribute__((noinline)) void grow(void) {
  char* volatile block = NULL;
  for (size_t bytes = 100; bytes <= 1000; bytes += 100) block = realloc(block, bytes);
  free(block);
  void* volatile aligned = aligned_alloc(256, 512);
  free(aligned);
}

static void* work(void* unused) {
  spend();
  return unused;
}

int main(void) {
  pthread_t thread;
  mtrace();
  keep();
  rise_and_fall();
  grow();
  if (pthread_create(&thread, NULL, work, NULL) != 0) return 1;
  pthread_join(thread, NULL);
  return 0;
}

// site ROUNDS: functions that allocate, built several times. CHANGED makes one of two allocations of one function larger, GONE leaves a
// function out and brings another in, SHIFTED moves lines and changes nothing.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#ifdef CHANGED
enum { kWord = 300 };
#else
enum { kWord = 100 };
#endif

static void* kept[1000];
static int count;

static void keep(void* block) {
  memset(block, 1, 8);
  kept[count++ % 1000] = block;
}

#ifdef SHIFTED
// Lines above, which move all that follows.
//
//
#endif

// The last call of a function: with optimization it leaves no frame.
__attribute__((noinline)) static void* make(size_t size) { return malloc(size); }

static inline void* inner(size_t size) {
  char* block = malloc(size);
  block[0] = 1;
  return block;
}

__attribute__((noinline)) static void index_words(int i) {
  void* first = malloc(40);
  void* second = malloc(kWord);
  keep(first);
  keep(second);
  if (i % 2 == 0) keep(inner(24));
}

__attribute__((noinline)) static void parse(int i) {
  void* block = make(64 + (size_t)(i % 3));
  memset(block, 0, 64);
  free(block);
}

#ifdef GONE
__attribute__((noinline)) static void next_version(void) { keep(malloc(2000)); }
#else
__attribute__((noinline)) static void old_version(void) { keep(malloc(1000)); }
#endif

#ifdef EVIL
__attribute__((noinline)) void hostile(void) { keep(malloc(8 * (size_t)kWord)); }
#endif

int main(int argc, char** argv) {
  int rounds = argc > 1 ? atoi(argv[1]) : 1;
#ifdef SHIFTED
  if (rounds < 0) return 3;
  setvbuf(stdout, NULL, _IONBF, 0);
#endif
  for (int i = 0; i < rounds; ++i) {
    index_words(i);
    parse(i);
  }
#ifdef GONE
  next_version();
#else
  old_version();
#endif
#ifdef EVIL
  hostile();
#endif
  return kept[1] == NULL;
}

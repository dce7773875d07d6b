// A heap that grows from one place and loses from another, more with each line that comes in. Says "ready", and "done" behind each line;
// "free" gives back what was kept.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NOINLINE __attribute__((noinline))

enum { kKept = 300, kLost = 400, kMoved = 2000 };

static void** kept;
static size_t kept_count, kept_room;

NOINLINE static void keep_here(void) {
  if (kept_count == kept_room) {
    kept_room = kept_room == 0 ? 1024 : 2 * kept_room;
    kept = realloc(kept, kept_room * sizeof *kept);
  }
  kept[kept_count++] = malloc(kKept);
}

NOINLINE static void lose_here(void) {
  char* volatile lost = malloc(kLost);  // LOST
  lost[0] = 1;
  lost = NULL;
}

// Grows in steps: it is its first allocation that the sample remembers, or one on the way.
NOINLINE static void lose_grown_here(void) {
  char* volatile lost = malloc(100);
  for (size_t size = 200; size <= kMoved; size *= 2) lost = realloc(lost, size);
  lost = realloc(lost, kMoved);
  lost[0] = 1;
  lost = NULL;
}

// What goes round is nobody's growth.
NOINLINE static void churn_here(void) {
  for (int i = 0; i < 10; ++i) {
    char* volatile block = malloc(500);
    block[0] = 1;
    free(block);
  }
}

static void grow(void) {
  for (int i = 0; i < 40000; ++i) {
    keep_here();
    churn_here();
    if (i % 2 == 0) lose_here();
    if (i % 10 == 0) lose_grown_here();
  }
}

int main(void) {
  grow();
  char line[64];
  for (puts("ready"), fflush(stdout); fgets(line, sizeof line, stdin) != NULL; puts("done"), fflush(stdout)) {
    if (strcmp(line, "free\n") != 0) {
      grow();
      continue;
    }
    while (kept_count > 0) free(kept[--kept_count]);
  }
  return 0;
}

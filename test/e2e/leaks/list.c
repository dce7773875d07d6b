// Loses a list of three, of which the last has a body, and waits.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct item {
  struct item* next;
  char* body;
  long room[6];
};

static __attribute__((noinline)) void lose(void) {
  struct item* list = NULL;
  for (int i = 0; i < 3; ++i) {
    struct item* item = calloc(1, sizeof *item);
    item->next = list;
    if (i == 0) item->body = memset(malloc(300), 0, 300);
    if (i == 0) strcpy(item->body, "the body of the last one");
    list = item;
  }
}

static __attribute__((noinline)) void clear_stack(void) {
  volatile char room[16384];
  for (size_t i = 0; i < sizeof room; ++i) room[i] = 0;
}

int main(void) {
  lose();
  clear_stack();
  puts("ready");
  fflush(stdout);
  return getchar() == EOF;
}

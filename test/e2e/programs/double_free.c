/* A block is freed twice. --way says by whom:
   same              its owner twice
   batch             one other thread twice
   owner_then_other  the owner, then a thread that ends
   other_then_owner  a thread that ends, then the owner
   two_others        two threads one after the other */
#include "defect.h"

static struct options options;

static void *free_twice(void *block) {
  free(block);
  if (!options.clean) free(hidden(block));
  return NULL;
}

static void first_free(void *block) {
  if (strcmp(options.way, "same") == 0 || strcmp(options.way, "owner_then_other") == 0) free(block);
  else if (strcmp(options.way, "batch") == 0) run_thread(free_twice, block);
  else run_thread(free_in_thread, block);
}

static void second_free(void *block) {
  if (options.clean || strcmp(options.way, "batch") == 0) return;
  if (strcmp(options.way, "same") == 0 || strcmp(options.way, "other_then_owner") == 0) free(hidden(block));
  else run_thread(free_in_thread, hidden(block));
}

int main(int count, char **words) {
  static struct ring ring;
  options = read_options(count, words);
  work(&ring, 5000, NULL);
  void *block = block_among_others(options.size);
  announce(block, block);
  first_free(block);
  work(&ring, options.operations, options.clean ? NULL : block);
  second_free(block);
  /* By now at the latest the owner hears of what other threads freed. */
  work(&ring, 5000, options.clean ? NULL : block);
  for (int i = 0; i < 4000; ++i) free(malloc((size_t)i * 37));
  finish(&ring);
  return 0;
}

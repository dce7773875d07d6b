/* A pointer into the middle of a block is freed (or resized: --way realloc); of a freed block with --way freed.
   --way other does it in another thread. */
#include "defect.h"

int main(int count, char** words) {
  static struct ring ring;
  const struct options options = read_options(count, words);
  work(&ring, 5000, NULL);
  char* block = block_among_others(options.size);
  char* passed = options.clean ? block : block + options.offset;
  announce(block, passed);
  if (strcmp(options.way, "freed") == 0) {
    free(block);
    passed = options.clean ? NULL : passed;
  }
  work(&ring, options.operations, options.clean ? NULL : block);
  if (strcmp(options.way, "realloc") == 0)
    free(realloc(hidden(passed), options.size * 2));
  else if (strcmp(options.way, "other") == 0)
    run_thread(free_in_thread, hidden(passed));
  else
    free(hidden(passed));
  finish(&ring);
  return 0;
}

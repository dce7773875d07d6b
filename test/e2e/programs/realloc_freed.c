/* A block is resized after it was freed. */
#include "defect.h"

int main(int count, char** words) {
  static struct ring ring;
  const struct options options = read_options(count, words);
  work(&ring, 5000, NULL);
  void* block = block_among_others(options.size);
  announce(block, block);
  if (!options.clean) free(block);
  work(&ring, options.operations, options.clean ? NULL : block);
  free(realloc(hidden(block), options.size + options.size / 2 + 1));
  finish(&ring);
  return 0;
}

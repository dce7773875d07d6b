/* expect: use-after-free */
#include <fcntl.h>

#include "tiny.h"

int main(int count, char** words) {
  const int defect = has_defect(count, words);
  char* path = strdup("/dev/null"); /* @allocation */
  if (!defect) sink = open(path, O_RDONLY);
  free(path);                                             /* @free */
  if (defect) sink = open((char*)hidden(path), O_RDONLY); /* @access */
  return 0;
}

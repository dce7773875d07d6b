/* expect: use-after-free */
#include "tiny.h"

#include <sys/wait.h>

int main(int count, char** words) {
  const int defect = has_defect(count, words);
  int* kept = malloc(40);
  int* block = malloc(40); /* @allocation */
  kept[0] = block[3] = 4;
  free(block); /* @free */
  const pid_t child = fork();
  if (child == 0) {
    free(kept);
    if (defect) sink = ((volatile int*)hidden(block))[3]; /* @access */
    exit(0);
  }
  waitpid(child, NULL, 0);
  if (kept[0] != 4) _exit(3);
  free(kept);
  return 0;
}

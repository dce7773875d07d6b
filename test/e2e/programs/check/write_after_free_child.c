/* expect: use-after-free */
#include "tiny.h"

#include <sys/wait.h>

int main(int count, char** words) {
  const int defect = has_defect(count, words);
  int* block = malloc(40); /* @allocation */
  free(block);             /* @free */
  const pid_t child = fork();
  if (child == 0) {
    if (defect) *(int*)hidden(block) = 1; /* @access? */
    exit(0);
  }
  waitpid(child, NULL, 0);
  return 0;
}

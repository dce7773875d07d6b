/* expect: double-free */
#include "tiny.h"

#include <sys/wait.h>

int main(int count, char** words) {
  const int defect = has_defect(count, words);
  char* block = malloc(40); /* @allocation */
  const pid_t child = fork();
  if (child == 0) {
    free(block);                     /* @free */
    if (defect) free(hidden(block)); /* @access */
    exit(0);
  }
  waitpid(child, NULL, 0);
  free(block);
  return 0;
}

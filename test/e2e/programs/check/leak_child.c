/* expect: leak */
#include "tiny.h"

#include <sys/wait.h>

/* Lost by the child of a fork, which ends by exit(). */
static void work(int defect) {
  char* block = malloc(77); /* @allocation */
  block[0] = 1;
  if (!defect) free(block);
}

int main(int count, char** words) {
  const int defect = has_defect(count, words);
  const pid_t child = fork();
  if (child == 0) {
    work(defect);
    exit(0);
  }
  int status = 0;
  waitpid(child, &status, 0);
  return WEXITSTATUS(status);
}

/* expect: overflow */
#include "tiny.h"

#include <sys/wait.h>

int main(int count, char** words) {
  const int defect = has_defect(count, words);
  const pid_t child = fork();
  if (child == 0) {
    char* block = malloc(21); /* @allocation */
    if (defect) ((char*)hidden(block))[21] = 0;
    free(block);
    exit(0);
  }
  int status = 0;
  waitpid(child, &status, 0);
  return WEXITSTATUS(status);
}

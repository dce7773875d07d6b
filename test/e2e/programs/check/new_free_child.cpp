// expect: mismatched-free
extern "C" {
#include "tiny.h"
}

#include <sys/wait.h>

int main(int count, char** words) {
  const int defect = has_defect(count, words);
  const pid_t child = fork();
  if (child == 0) {
    int* number = new int(3);  // @allocation
    if (defect)
      free(hidden(number));  // @access
    else
      delete number;
    exit(0);
  }
  int status = 0;
  waitpid(child, &status, 0);
  return WEXITSTATUS(status);
}

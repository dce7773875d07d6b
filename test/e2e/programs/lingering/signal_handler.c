/* lost: 1 */
#include "../check/tiny.h"

#include <signal.h>

static int wrong;

static void handle(int number) {
  char* block = malloc(45); /* @allocation */
  block[0] = (char)number;
  sink = block[0];
  if (!wrong) free(block);
}

int main(int count, char** words) {
  wrong = has_defect(count, words);
  signal(SIGUSR1, handle);
  raise(SIGUSR1);
  return 0;
}

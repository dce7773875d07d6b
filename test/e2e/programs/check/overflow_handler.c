/* expect: overflow */
#include "tiny.h"

#include <signal.h>

static char* volatile block;

static void handle(int signal) { ((char*)hidden(block))[50] = (char)signal; }

int main(int count, char** words) {
  const int defect = has_defect(count, words);
  block = malloc(50); /* @allocation */
  signal(SIGUSR1, handle);
  if (defect) raise(SIGUSR1);
  free(block);
  return 0;
}

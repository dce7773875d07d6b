/* expect: use-after-free */
#include "tiny.h"

#include <signal.h>

static int* volatile state;

static void handle(int signal) { sink = *(volatile int*)hidden(state) + signal; /* @access */ }

int main(int count, char** words) {
  const int defect = has_defect(count, words);
  state = malloc(sizeof *state); /* @allocation */
  *state = 1;
  signal(SIGUSR1, handle);
  if (!defect) raise(SIGUSR1);
  free(state); /* @free */
  if (defect) raise(SIGUSR1);
  return 0;
}

/* expect: double-free */
#include "tiny.h"

#include <signal.h>

static char* block;

static void on_signal(int signal) {
  free(block); /* @free */
  sink = signal;
}

int main(int count, char** words) {
  const int defect = has_defect(count, words);
  block = malloc(40); /* @allocation */
  signal(SIGUSR1, on_signal);
  raise(SIGUSR1);
  if (defect) free(hidden(block)); /* @access */
  return 0;
}

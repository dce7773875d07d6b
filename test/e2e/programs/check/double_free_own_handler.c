/* expect: double-free */
#include "tiny.h"

#include <signal.h>

/* The program has its own idea of SIGSEGV; what is found in a call stays. */
static void on_signal(int signal) { _exit(signal); }

int main(int count, char** words) {
  const int defect = has_defect(count, words);
  signal(SIGSEGV, on_signal);
  char* block = malloc(40);        /* @allocation */
  free(block);                     /* @free */
  if (defect) free(hidden(block)); /* @access */
  return 0;
}

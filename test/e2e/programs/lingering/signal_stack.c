/* lost: 1 */
#include "../check/tiny.h"

#include <signal.h>

/* The handler runs on a stack of its own, where its frame stays as it was. */
static int wrong;
static char stack[65536];

static void handle(int number) {
  char* volatile block = malloc(45); /* @allocation */
  block[0] = (char)number;
  if (!wrong) free(block);
}

int main(int count, char** words) {
  wrong = has_defect(count, words);
  const stack_t aside = {stack, 0, sizeof stack};
  sigaltstack(&aside, NULL);
  struct sigaction action = {0};
  action.sa_handler = handle;
  action.sa_flags = SA_ONSTACK;
  sigaction(SIGUSR1, &action, NULL);
  raise(SIGUSR1);
  return 0;
}

/* expect: leak */
#include "tiny.h"

/* What only a freed block pointed to is lost, also while that one waits in the quarantine. */
struct holder {
  char* name;
};
static struct holder* volatile kept;

static void work(int defect) {
  struct holder* holder = malloc(sizeof *holder);
  holder->name = malloc(60); /* @allocation */
  kept = holder;
  if (!defect) free(holder->name);
  free(holder);
}

int main(int count, char** words) {
  work(has_defect(count, words));
  return 0;
}

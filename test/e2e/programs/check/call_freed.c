/* expect: use-after-free */
#include "tiny.h"

struct handler {
  int number;
  void (*call)(void);
};

static void nothing(void) {}

int main(int count, char** words) {
  const int defect = has_defect(count, words);
  struct handler* last = NULL;
  for (int i = 0; i < 50; ++i) {
    struct handler* handler = malloc(sizeof *handler); /* @allocation */
    handler->call = nothing;
    if (last != NULL && i < 49) free(last);
    last = handler;
  }
  struct handler* kept = last;
  free(last);                                          /* @free */
  if (defect) ((struct handler*)hidden(kept))->call(); /* @access */
  return 0;
}

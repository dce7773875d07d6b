/* expect: use-after-free */
#include "tiny.h"

struct handler {
  int number;
  void (*call)(void);
};

static void nothing(void) {}

static struct handler* volatile neighbour;

int main(int count, char** words) {
  const int defect = has_defect(count, words);
  struct handler* last = NULL;
  for (int i = 0; i < 50; ++i) {
    struct handler* handler = malloc(sizeof *handler); /* @allocation */
    handler->call = nothing;
    if (i < 49)
      free(last);
    else
      neighbour = last; /* lives, so that the page does */
    last = handler;
  }
  struct handler* kept = last;
  free(last);                                          /* @free */
  if (defect) ((struct handler*)hidden(kept))->call(); /* @access */
  return 0;
}

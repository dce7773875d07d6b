/* expect: leak */
#include "tiny.h"

/* Taken once more than it is given back. */
struct shared {
  int references;
  char* text;
};

static struct shared* make(void) {
  struct shared* shared = malloc(sizeof *shared); /* @allocation */
  shared->references = 1;
  shared->text = malloc(80);
  return shared;
}
static void drop(struct shared* shared) {
  if (--shared->references > 0) return;
  free(shared->text);
  free(shared);
}
static void work(int defect) {
  struct shared* shared = make();
  if (defect) ++shared->references;
  drop(shared);
}

int main(int count, char** words) {
  work(has_defect(count, words));
  return 0;
}

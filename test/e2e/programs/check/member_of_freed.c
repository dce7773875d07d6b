/* expect: use-after-free */
#include "tiny.h"

/* What is given to free was read from a block that had been freed before. The first blocks of the site, which stand alone, are kept. */
struct person {
  int number;
  char* name;
};
static struct person* volatile kept[8];

int main(int count, char** words) {
  const int defect = has_defect(count, words);
  struct person* person = NULL;
  for (int i = 0; i < 7; ++i) kept[i] = person = malloc(sizeof *person); /* @allocation */
  person->name = malloc(30);
  char* name = person->name;
  if (!defect) free(person->name);
  free(person);                                             /* @free */
  if (defect) free(((struct person*)hidden(person))->name); /* @access */
  if (defect) free(name);
  for (int i = 0; i < 6; ++i) free(kept[i]);
  return 0;
}

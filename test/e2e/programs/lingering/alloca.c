/* lost: 3 */
#include "../check/tiny.h"

#include <alloca.h>

static void work(int defect) {
  char** names = alloca(sizeof *names * (size_t)(defect + 10));
  for (int i = 0; i < 3; ++i) {
    names[i] = malloc(21); /* @allocation */
    names[i][0] = (char)i;
  }
  sink = **(char**)hidden(names);
  for (int i = 0; i < 3; ++i) {
    if (!defect) free(names[i]);
  }
}

int main(int count, char** words) {
  work(has_defect(count, words));
  return 0;
}

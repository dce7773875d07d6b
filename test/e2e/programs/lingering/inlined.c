/* lost: 1 */
#include "../check/tiny.h"

static inline __attribute__((always_inline)) void work(int defect) {
  char* name = malloc(48); /* @allocation */
  strcpy(name, "inlined into main");
  sink = (int)strlen(name);
  if (!defect) free(name);
}

int main(int count, char** words) {
  work(has_defect(count, words));
  return 0;
}

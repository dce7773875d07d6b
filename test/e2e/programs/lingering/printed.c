/* lost: 1 */
#include "../check/tiny.h"

/* printf keeps its arguments in its frames. */
static void work(int defect) {
  char* name = malloc(26); /* @allocation */
  strcpy(name, "printed");
  printf("%d %s %p\n", 1, name, (void*)name);
  if (!defect) free(name);
}

int main(int count, char** words) {
  work(has_defect(count, words));
  return 0;
}

/* expect: leak */
#include "tiny.h"

static void work(int defect) {
  char* name = malloc(40); /* @allocation */
  strcpy(name, "lost");
  if (!defect) free(name);
}

int main(int count, char** words) {
  work(has_defect(count, words));
  return 0;
}

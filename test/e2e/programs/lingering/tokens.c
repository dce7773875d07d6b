/* lost: 1 */
#include "../check/tiny.h"

static void work(int defect) {
  char* copy = strdup("one two three"); /* @allocation */
  char* rest = NULL;
  for (char* word = strtok_r(copy, " ", &rest); word != NULL; word = strtok_r(NULL, " ", &rest))
    sink = word[0];
  if (!defect) free(copy);
}

int main(int count, char** words) {
  work(has_defect(count, words));
  return 0;
}

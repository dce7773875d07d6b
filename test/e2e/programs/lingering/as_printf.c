/* lost: 1 */
#define _GNU_SOURCE
#include "../check/tiny.h"

static void work(int defect) {
  char* text = NULL;
  sink = asprintf(&text, "%d of %s", 3, "many"); /* @allocation */
  sink = text[0];
  if (!defect) free(text);
}

int main(int count, char** words) {
  work(has_defect(count, words));
  return 0;
}

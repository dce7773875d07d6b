/* lost: 1 */
#include "../check/tiny.h"

#include <setjmp.h>

static jmp_buf before;

static void parse(const char* text, int defect) {
  char* copy = strdup(text); /* @allocation */
  if (strchr(copy, '!') != NULL) {
    if (!defect) free(copy);
    longjmp(before, 1);
  }
  free(copy);
}

int main(int count, char** words) {
  const int defect = has_defect(count, words);
  if (setjmp(before) == 0) parse("a text with an error!", defect);
  return 0;
}

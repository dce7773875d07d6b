/* expect: leak */
#include "tiny.h"

static void work(int defect) {
  char* text = NULL;
  for (int size = 1; size < 500; size += 50) {
    text = realloc(text, size); /* @allocation */
    text[size - 1] = 'x';
  }
  if (!defect) free(text);
}

int main(int count, char** words) {
  work(has_defect(count, words));
  return 0;
}

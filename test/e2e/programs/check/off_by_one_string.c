/* expect: overflow */
#include "tiny.h"

static const char* volatile text = "hello, world";

int main(int count, char** words) {
  const int defect = has_defect(count, words);
  char* copy = malloc(strlen(text)); /* @allocation */
  if (defect) strcpy(hidden(copy), text);
  free(copy);
  return 0;
}

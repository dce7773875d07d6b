/* expect: leak */
#include "tiny.h"

static char* volatile configuration;

static void load(const char* text) {
  configuration = malloc(100); /* @allocation */
  strcpy(configuration, text);
}

int main(int count, char** words) {
  load("first");
  if (!has_defect(count, words)) free(configuration);
  load("second"); /* reachable, and so no leak */
  return 0;
}

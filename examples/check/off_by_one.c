/* Room for the letters, none for the zero behind them.
   gcc -g off_by_one.c -o off_by_one */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static char* copy_of(const char* text) {
  char* copy = malloc(strlen(text));
  strcpy(copy, text);
  return copy;
}

int main(void) {
  char* copy = copy_of("twenty-four letters here");
  puts(copy);
  free(copy);
  return 0;
}

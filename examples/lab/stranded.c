/* Eight megabytes of pages are read, and a line about them is noted. Then the pages go; the line, which lies above them all, stays,
   and the break cannot fall below it. With "first" the room for the line is made before, and all goes back.
   gcc -g stranded.c -o stranded */
#include <stdlib.h>
#include <string.h>

enum { kPages = 2000, kPage = 4000, kLine = 40, kLater = 1000 };

int main(int count, char** arguments) {
  static char* pages[kPages];
  char* line = NULL;
  int first = count > 1 && strcmp(arguments[1], "first") == 0;
  if (first) line = malloc(kLine);
  for (int i = 0; i < kPages; ++i) {
    pages[i] = malloc(kPage);
    memset(pages[i], i, kPage);
  }
  if (!first) line = malloc(kLine);
  strcpy(line, "2000 pages read");
  for (int i = 0; i < kPages; ++i) free(pages[i]);
  for (int i = 0; i < kLater; ++i) free(malloc(kLine)); /* the program goes on */
  return line[0] == '2' ? 0 : 1;
}

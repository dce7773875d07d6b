/* lost: 8 */
#include "../check/tiny.h"

/* The array of pointers was in a block of main's that ends before the process does. */
int main(int count, char** words) {
  const int defect = has_defect(count, words);
  {
    char* lines[8];
    for (int i = 0; i < 8; ++i) {
      lines[i] = malloc(31); /* @allocation */
      lines[i][0] = (char)i;
    }
    sink = **(char**)hidden(lines);
    for (int i = 0; i < 8 && !defect; ++i) free(lines[i]);
  }
  puts("more work");
  return 0;
}

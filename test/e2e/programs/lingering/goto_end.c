/* lost: 1 */
#include "../check/tiny.h"

static int work(int defect) {
  int result = -1;
  char* first = malloc(40);
  char* second = malloc(50); /* @allocation */
  if (first == NULL || second == NULL) goto end;
  first[0] = second[0] = 1;
  result = first[0] - second[0];
  if (result == 0 && defect) goto end;
  free(second);
end:
  free(first);
  return result;
}

int main(int count, char** words) { return work(has_defect(count, words)); }

/* lost: 1 */
#include "../check/tiny.h"

static int load(const char* path, int defect) {
  char* name = malloc(strlen(path) + 10); /* @allocation */
  sprintf(name, "%s.conf", path);
  FILE* file = fopen(name, "r");
  if (file == NULL) {
    if (!defect) free(name);
    return -1;
  }
  fclose(file);
  free(name);
  return 0;
}

int main(int count, char** words) { return load("/no/such/file", has_defect(count, words)) == 0; }

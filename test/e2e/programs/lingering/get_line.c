/* lost: 1 */
#define _GNU_SOURCE
#include "../check/tiny.h"

static void work(const char* path, int defect) {
  FILE* file = fopen(path, "r");
  char* line = NULL;
  size_t room = 0;
  while (getline(&line, &room, file) > 0) sink = line[0]; /* @allocation */
  fclose(file);
  if (!defect) free(line);
}

int main(int count, char** words) {
  work("/proc/self/status", has_defect(count, words));
  return 0;
}

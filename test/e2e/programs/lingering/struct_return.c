/* lost: 1 */
#include "../check/tiny.h"

struct result {
  long status;
  char* message;
  long more[6];
};

__attribute__((noinline)) static struct result ask(int number) {
  struct result result = {number, malloc(90), {0}}; /* @allocation */
  strcpy(result.message, "no such thing");
  return result;
}

int main(int count, char** words) {
  const int defect = has_defect(count, words);
  const struct result result = ask(count);
  sink = (int)result.status;
  if (!defect) free(result.message);
  return 0;
}

/* lost: 1 */
#include "../check/tiny.h"

struct request {
  int number;
  char* name;
  char text[40];
};

static void handle(const struct request* request) {
  struct request copy;
  memcpy(hidden(&copy), request, sizeof copy);
  sink = copy.number + copy.name[0];
}

static void work(int defect) {
  struct request request = {1, malloc(30), "text"}; /* @allocation */
  strcpy(request.name, "name");
  handle(&request);
  if (!defect) free(request.name);
}

int main(int count, char** words) {
  work(has_defect(count, words));
  return 0;
}

/* lost: 1 */
#include "../check/tiny.h"

typedef void (*callback)(void* context);

__attribute__((noinline)) static void invoke(callback function, void* context) {
  function(hidden(context));
  sink = 1;
}

static int wrong;

static void done(void* context) {
  sink = *(char*)context;
  if (!wrong) free(context);
}

int main(int count, char** words) {
  wrong = has_defect(count, words);
  char* context = malloc(52); /* @allocation */
  context[0] = 1;
  invoke(done, context);
  return 0;
}

/* lost: 1 */
#include "../check/tiny.h"

__attribute__((noinline)) static int finish(const char* text, int result) {
  return result + (text[0] == 'x');
}

/* Ends in a jump: the frame that held the block has gone before the call. */
__attribute__((noinline)) static int work(int defect) {
  char* block = malloc(58); /* @allocation */
  block[0] = 'x';
  if (!defect) {
    free(block);
    return 1;
  }
  return finish(block, 3);
}

int main(int count, char** words) {
  sink = work(has_defect(count, words));
  return 0;
}

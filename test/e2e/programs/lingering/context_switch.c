/* lost: 1 */
#include "../check/tiny.h"

#include <sys/mman.h>
#include <ucontext.h>

/* A coroutine that lost a block and is never resumed; its stack is a mapping that has gone. */
static ucontext_t of_main, of_other;
static int wrong;

static void other(void) {
  char* block = malloc(83); /* @allocation */
  block[0] = 1;
  sink = *(char*)hidden(block);
  if (!wrong) free(block);
  swapcontext(&of_other, &of_main);
}

int main(int count, char** words) {
  wrong = has_defect(count, words);
  const size_t bytes = 65536;
  void* stack = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  getcontext(&of_other);
  of_other.uc_stack.ss_sp = stack;
  of_other.uc_stack.ss_size = bytes;
  makecontext(&of_other, other, 0);
  swapcontext(&of_main, &of_other);
  memset(&of_other, 0, sizeof of_other);
  munmap(stack, bytes);
  return 0;
}

/* The program break: one edge that moves up and down, as far as the limit of the data segment allows.
   gcc -g the_break.c -o the_break */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

enum { kStep = 1 << 20 };

int main(void) {
  static char buffer[256]; /* that of malloc would lie above what is given back below */
  setvbuf(stdout, buffer, _IOFBF, sizeof buffer);
  struct rlimit limit = {32 * kStep, 32 * kStep};
  setrlimit(RLIMIT_DATA, &limit);
  char* first = sbrk(0);
  int steps = 0;
  while (sbrk(kStep) != (void*)-1) ++steps;
  printf("up by %d of the 32 MiB that are allowed, then: %s\n", steps, strerror(errno));
  char* middle = first + steps / 2 * kStep;
  *middle = 1;
  brk(middle + 1);
  printf("down to %ld MiB, since the byte there is needed\n", (long)((char*)sbrk(0) - first) / kStep);
  return 0;
}

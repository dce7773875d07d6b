/* The counter's owner is gone, its observer still counts.
   gcc -g write_after_free.c -o write_after_free */
#include <stdio.h>
#include <stdlib.h>

struct counter {
  long events;
  long errors;
};

int main(void) {
  struct counter* counter = calloc(1, sizeof *counter);
  struct counter* observer = counter;
  counter->events = 1;
  free(counter);
  observer->errors = 1;
  puts("done");
  return 0;
}

/* A buffer that its function alone needs, ten thousand times: on the stack it comes and goes with the call, on the heap somebody must
   find room and somebody must give it back. What outlives its function cannot lie on the stack.
   gcc -g lifetimes.c -o lifetimes */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { kCalls = 10000, kBytes = 256 };

static size_t on_stack(int number) {
  char text[kBytes];
  snprintf(text, sizeof text, "call %d", number);
  return strlen(text);
}

static size_t on_heap(int number) {
  char* text = malloc(kBytes);
  snprintf(text, kBytes, "call %d", number);
  size_t length = strlen(text);
  free(text);
  return length;
}

int main(int count, char** arguments) {
  int heap = count > 1 && strcmp(arguments[1], "heap") == 0;
  size_t sum = 0;
  for (int i = 0; i < kCalls; ++i) sum += heap ? on_heap(i) : on_stack(i);
  printf("%zu characters in buffers on the %s\n", sum, heap ? "heap" : "stack");
  return 0;
}

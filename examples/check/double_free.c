/* A double free on an error path: the caller cleans up what the callee has freed already.
   gcc -g double_free.c -o double_free */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct request {
  char* name;
  int size;
};

static int parse(struct request* request, const char* text) {
  request->name = malloc(strlen(text) + 1);
  strcpy(request->name, text);
  request->size = atoi(text);
  if (request->size > 0) return 0;
  free(request->name);
  return -1;
}

int main(void) {
  struct request request;
  if (parse(&request, "many") != 0) {
    puts("bad request");
    free(request.name);
    return 1;
  }
  printf("%s: %d\n", request.name, request.size);
  free(request.name);
  return 0;
}

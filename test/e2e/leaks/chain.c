// A block at the end of a list whose first element a table holds, the table being held by a variable; and one that nothing holds.
// Says "ready" and the addresses of the last element, the table, the variable and the lost one.
#include <stdio.h>
#include <stdlib.h>

struct element {
  struct element* next;
  long room[6];
};

struct element** table;

static __attribute__((noinline)) struct element* make_element(struct element* next) {
  struct element* element = calloc(1, sizeof *element);
  element->next = next;
  return element;
}

// Turned round, so that the printed address is no pointer.
static __attribute__((noinline)) unsigned long lose(void) {
  void* volatile lost = calloc(1, 200);
  unsigned long turned = ~(unsigned long)lost;
  lost = NULL;
  return turned;
}

static __attribute__((noinline)) void clear_stack(void) {
  volatile char room[16384];
  for (size_t i = 0; i < sizeof room; ++i) room[i] = 0;
}

int main(int count, char** words) {
  int length = count > 1 ? atoi(words[1]) : 3;
  table = calloc(50, sizeof *table);
  struct element* list = make_element(NULL);
  printf("ready %p %p %p", (void*)list, (void*)table, (void*)&table);
  for (int i = 1; i < length; ++i) list = make_element(list);
  table[7] = list;
  list = NULL;
  unsigned long lost = lose();
  clear_stack();
  printf(" %lx\n", lost);
  fflush(stdout);
  return getchar() == EOF;
}

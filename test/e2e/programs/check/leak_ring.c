/* expect: leak */
#include "tiny.h"

/* Each is pointed to, and nothing points to any of them. */
struct node {
  struct node* next;
  struct node* previous;
  int value;
};

static struct node* volatile kept;

static void work(int defect) {
  struct node* first = NULL;
  struct node* last = NULL;
  for (int i = 0; i < 200; ++i) {
    struct node* node = calloc(1, sizeof *node); /* @allocation */
    node->previous = last;
    if (last != NULL) last->next = node;
    if (first == NULL) first = node;
    last = node;
  }
  last->next = first;
  first->previous = last;
  if (!defect) kept = first->next;
}

int main(int count, char** words) {
  work(has_defect(count, words));
  scrub();
  return 0;
}

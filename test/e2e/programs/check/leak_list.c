/* expect: leak */
#include "tiny.h"

/* One finding, with all others hanging on the head that was lost. */
struct node {
  struct node* next;
  char text[70];
};

static struct node* volatile kept;

static void work(int defect) {
  struct node* head = NULL;
  for (int i = 0; i < 1000; ++i) {
    struct node* node = malloc(sizeof *node); /* @allocation */
    node->next = head;
    head = node;
  }
  if (!defect) kept = head;
}

int main(int count, char** words) {
  work(has_defect(count, words));
  return 0;
}

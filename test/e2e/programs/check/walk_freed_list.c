/* expect: use-after-free */
#include "tiny.h"

struct node {
  struct node* next;
  int value;
};

int main(int count, char** words) {
  const int defect = has_defect(count, words);
  struct node* list = NULL;
  for (int i = 0; i < 100; ++i) {
    struct node* node = malloc(sizeof *node); /* @allocation */
    node->next = list;
    node->value = i;
    list = node;
  }
  for (struct node* node = list; node != NULL;) {
    struct node* next = node->next; /* @access, since the pointer was read from a freed node */
    free(node);                     /* @free */
    node = defect ? ((struct node*)hidden(node))->next : next; /* @access:full */
  }
  return 0;
}

/* expect: use-after-free */
#include "tiny.h"

struct node {
  long value;
  struct node* next;
};

int main(int count, char** words) {
  const int defect = has_defect(count, words);
  for (int i = 0; i < 60000; ++i) {
    struct node* node = malloc(sizeof *node); /* @allocation */
    node->next = node;
    free(node);                                                                      /* @free */
    if (defect && i == 55555) sink = (int)((struct node*)hidden(node))->next->value; /* @access */
  }
  return 0;
}

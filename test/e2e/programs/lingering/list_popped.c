/* lost: 1 */
#include "../check/tiny.h"

struct node {
  struct node* next;
  int value;
};

static void work(int defect) {
  struct node* list = NULL;
  for (int i = 0; i < 10; ++i) {
    struct node* node = malloc(sizeof *node); /* @allocation */
    *node = (struct node){list, i};
    list = node;
  }
  struct node* first = list;
  list = list->next;
  sink = first->value;
  if (!defect) free(first);
  while (list != NULL) {
    struct node* next = list->next;
    free(list);
    list = next;
  }
}

int main(int count, char** words) {
  work(has_defect(count, words));
  return 0;
}

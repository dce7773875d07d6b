/* expect: leak */
#include "tiny.h"

/* Nodes of 9 to 15 bytes: against a guard page such a block, and the pointer at its start, lie at any address. */
struct node {
  struct node* next;
  char name[];
};

static struct node* volatile kept;

static void work(int defect) {
  struct node* head = NULL;
  for (int length = 0; length < 7; ++length) {
    struct node* node = malloc(sizeof *node + length + 1); /* @allocation */
    memcpy(node->name, "abcdefg", length);
    node->name[length] = 0;
    memcpy(&node->next, &head, sizeof head);
    head = node;
  }
  if (!defect) kept = head;
}

int main(int count, char** words) {
  work(has_defect(count, words));
  return 0;
}

// Two sites that would do better without malloc: messages that die together, and nodes of one size that come and go.
#include <stdlib.h>
#include <string.h>

enum { kMessages = 2000, kNodes = 100 };

__attribute__((noinline)) static char* make_message(int number) {
  size_t size = (size_t)(40 + number % 200);
  char* message = malloc(size);
  memset(message, number, size);
  return message;
}
__attribute__((noinline)) static char* make_node(int number) {
  char* node = malloc(48);
  node[0] = (char)number;
  return node;
}

int main(void) {
  static char* messages[kMessages];
  static char* nodes[kNodes];
  for (int round = 0; round < 10; ++round) {
    for (int i = 0; i < kMessages; ++i) messages[i] = make_message(i);
    for (int i = 0; i < kMessages; ++i) free(messages[i]);
    for (int i = 0; i < 1000; ++i) {
      int at = (i * 7919 + round) % kNodes;
      free(nodes[at]);
      nodes[at] = make_node(i);
    }
  }
  return 0;
}

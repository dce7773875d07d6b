/* Memory that ends: allocate until NULL (or until a bound), which must come with ENOMEM; free half, and go on.
   Usage: limits BOUND_MIB TOUCH   TOUCH 1 writes to every block; the caller has set the limit.
   Prints "got N MiB, refused R". Exit status 0 if every refusal said ENOMEM and memory was to be had again after freeing. */
#include "../support/storm.h"

struct link {
  struct link* next;
  size_t size;
};

static size_t g_refused;

/* Takes blocks of all sizes until the bound, or until three requests in a row are refused. */
static size_t take(struct link** head, size_t bound, int touch, uint32_t* state) {
  size_t bytes = 0;
  for (int in_a_row = 0; bytes < bound && in_a_row < 3;) {
    const uint32_t random = next_random(state);
    const size_t size = 64 + next_random(state) % (random % 50 == 0   ? 3000000
                                                   : random % 10 == 0 ? 100000
                                                                      : 2000);
    errno = 0;
    struct link* block = malloc(size);
    if (block == NULL) {
      if (errno != ENOMEM) storm_fail("refused %zu bytes with errno %d", size, errno);
      ++g_refused;
      ++in_a_row;
      continue;
    }
    in_a_row = 0;
    if (touch) memset(block, 1, size);
    block->next = *head;
    block->size = size;
    *head = block;
    bytes += size;
  }
  return bytes;
}

static size_t drop_half(struct link** head) {
  size_t bytes = 0;
  for (struct link** at = head; *at != NULL && (*at)->next != NULL; at = &(*at)->next) {
    struct link* gone = *at;
    *at = gone->next;
    bytes += gone->size;
    free(gone);
  }
  return bytes;
}

int main(int count, char** words) {
  if (count != 3) return 2;
  require_loam();
  const size_t bound = strtoull(words[1], NULL, 10) << 20;
  const int touch = atoi(words[2]);
  uint32_t state = 12345;
  struct link* head = NULL;
  const size_t first = take(&head, bound, touch, &state);
  const size_t dropped = drop_half(&head);
  const size_t refused = g_refused;
  const size_t again = take(&head, dropped, touch, &state);
  if (again * 10 < dropped * 8)
    storm_fail("only %zu of the %zu bytes that were freed can be had again", again, dropped);
  storm_say("got %zu MiB, refused %zu\n", first >> 20, refused);
  return 0;
}

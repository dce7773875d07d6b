#include "needle.h"

/* splitmix64: each seed is as good as any other. */
static uint64_t next(struct plan* plan) {
  uint64_t word = plan->state += 0x9e3779b97f4a7c15u;
  word = (word ^ (word >> 30)) * 0xbf58476d1ce4e5b9u;
  word = (word ^ (word >> 27)) * 0x94d049bb133111ebu;
  return word ^ (word >> 31);
}

unsigned draw(struct plan* plan, unsigned from, unsigned to) {
  return from + (unsigned)(next(plan) % (to - from + 1));
}

void make_plan(struct plan* plan, uint64_t seed) {
  plan->state = seed;
  plan->number = draw(plan, 50001, 60000);
  plan->live = 1u << draw(plan, 0, 12);
  plan->threads = draw(plan, 1, 4);
  plan->distance = draw(plan, 0, 3) == 0 ? 0 : draw(plan, 1, 2000);
  plan->width = 1u << draw(plan, 1, 3);
  plan->beyond = draw(plan, 16, 64);
  /* As many of 16 to 31 bytes as of 512 to 1,023; room for a word of each width. */
  const unsigned least = 1u << draw(plan, 4, 9);
  plan->size = draw(plan, least, 2 * least - 1);
  plan->offset = draw(plan, 0, (unsigned)(plan->size / plan->width) - 1) * plan->width;
  plan->from_thread = draw(plan, 0, 1) == 1;
  plan->freed_elsewhere = draw(plan, 0, 2) == 0;
}

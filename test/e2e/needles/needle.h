/* A needle: one bad access to one block of a site that hands out tens of thousands, all of it decided by a number, the seed.
   plan.c decides, site.c is the hot site and the threads that keep it hot, needle.c has the bad accesses, one function each. */
#pragma once

#include <stddef.h>
#include <stdint.h>

struct plan {
  uint64_t state;      /* of the random numbers */
  unsigned number;     /* the needle is this one of its site's blocks, of its thread */
  unsigned live;       /* blocks that each thread keeps */
  unsigned threads;    /* that share the site */
  unsigned distance;   /* calls between the free and the bad access */
  unsigned width;      /* bytes of the bad access: 2, 4 or 8 */
  unsigned beyond;     /* how far past the end */
  size_t size;         /* of the needle */
  size_t offset;       /* in it, of the bad access */
  int from_thread;     /* the needle is a thread's block, not the first thread's */
  int freed_elsewhere; /* by a thread that is made for it */
};

void make_plan(struct plan* plan, uint64_t seed);
unsigned draw(struct plan* plan, unsigned from, unsigned to);

/* What a thread holds of the site's blocks; they go round. */
struct ring {
  struct plan random;
  unsigned live;
  char* blocks[4096 + 16]; /* some are added at the end */
};

/* Blocks that are taken out of the round and kept. */
struct taken {
  char** blocks;
  unsigned count;
  size_t size;
};

void churn(struct ring* ring, unsigned calls, const struct taken* taken);
void empty(struct ring* ring);

/* Threads that do so many calls together, and then wait for more. */
void start_threads(const struct plan* plan, unsigned calls);
void let_threads_do(unsigned calls);
void wait_for_threads(void);
void end_threads(void);

/* A block is freed twice. --way says by whom:
   same              its owner twice
   batch             one other thread twice
   owner_then_other  the owner, then a thread that ends
   other_then_owner  a thread that ends, then the owner
   two_others        two threads, each of which ends
   The threads stand ready before the first free: starting one allocates, and could be given the very address. */
#include "defect.h"

struct worker {
  pthread_t thread;
  pthread_barrier_t go;
  void* block;
  int twice;
};

static struct options options;

static void* wait_and_free(void* argument) {
  struct worker* worker = (struct worker*)argument;
  struct ring ring = {{NULL}};
  work(&ring, 500, NULL);
  pthread_barrier_wait(&worker->go);
  pthread_barrier_wait(&worker->go);
  if (worker->block != NULL) free(worker->block);
  if (worker->twice) free(hidden(worker->block));
  finish(&ring);
  return NULL;
}

static void start(struct worker* worker) {
  pthread_barrier_init(&worker->go, NULL, 2);
  if (pthread_create(&worker->thread, NULL, wait_and_free, worker) != 0) _exit(2);
  pthread_barrier_wait(&worker->go);
}

/* The worker frees the block (or nothing) and ends. */
static void let_free(struct worker* worker, void* block, int twice) {
  worker->block = block;
  worker->twice = twice;
  pthread_barrier_wait(&worker->go);
  if (pthread_join(worker->thread, NULL) != 0) _exit(2);
}

static void free_both_times(struct worker* workers, struct ring* ring, void* block) {
  const int owner_first = strcmp(options.way, "same") == 0 || strcmp(options.way, "owner_then_other") == 0;
  const int owner_second = strcmp(options.way, "same") == 0 || strcmp(options.way, "other_then_owner") == 0;
  const int batch = strcmp(options.way, "batch") == 0;
  void* again = options.clean || batch ? NULL : hidden(block);
  if (owner_first) free(block);
  let_free(&workers[0], owner_first ? NULL : block, batch && !options.clean);
  work(ring, options.operations, options.clean ? NULL : block);
  if (owner_second && again != NULL) free(again);
  let_free(&workers[1], owner_second ? NULL : again, 0);
}

int main(int count, char** words) {
  static struct ring ring;
  static struct worker workers[2];
  options = read_options(count, words);
  start(&workers[0]);
  start(&workers[1]);
  work(&ring, 5000, NULL);
  void* block = block_among_others(options.size);
  announce(block, block);
  free_both_times(workers, &ring, block);
  /* By now at the latest the owner hears of what other threads freed. */
  work(&ring, 5000, options.clean ? NULL : block);
  for (int i = 0; i < 4000; ++i) free(malloc((size_t)i * 37));
  finish(&ring);
  return 0;
}

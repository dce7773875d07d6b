/* needle KIND SEED [defect]: prints "needle ADDRESS SIZE PLACE" of the block and of what is accessed wrongly, before it is.
   Without the third word the same accesses are made while, and where, they are allowed. */
#include "needle.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { kAround = 80 }; /* blocks of any size that certainly reach from page to page */

struct hunt {
  struct plan plan;
  int defect;
  struct ring ring;
  char* around[2 * kAround +
               1]; /* of the needle's size, which is the one in the middle: its page has no others */
  char* block;
};

static volatile uint64_t sink;

/* The compiler must not see that it is the block which has been freed. */
static char* hidden(char* pointer) {
  __asm__ volatile("" : "+r"(pointer) : : "memory");
  return pointer;
}

static void announce(const struct hunt* hunt, const char* place) {
  printf("needle %p %zu %p\n", (void*)hunt->block, hunt->plan.size, (void*)place);
  fflush(stdout);
}

__attribute__((noinline)) static void read_at(const char* place, unsigned width) {
  const volatile void* at = hidden((char*)place);
  if (width == 1) sink = *(const volatile uint8_t*)at;  /* @access */
  if (width == 2) sink = *(const volatile uint16_t*)at; /* @access */
  if (width == 4) sink = *(const volatile uint32_t*)at; /* @access */
  if (width == 8) sink = *(const volatile uint64_t*)at; /* @access */
}

__attribute__((noinline)) static void write_at(char* place, unsigned width, uint64_t value) {
  volatile void* at = hidden(place);
  if (width == 1) *(volatile uint8_t*)at = (uint8_t)value;   /* @access */
  if (width == 2) *(volatile uint16_t*)at = (uint16_t)value; /* @access */
  if (width == 4) *(volatile uint32_t*)at = (uint32_t)value; /* @access */
  if (width == 8) *(volatile uint64_t*)at = value;           /* @access */
}

static void* lose_it(void* block) {
  free(block); /* @free */
  return NULL;
}

static void lose(struct hunt* hunt) {
  pthread_t thread;
  if (hunt->plan.freed_elsewhere && pthread_create(&thread, NULL, lose_it, hunt->block) == 0)
    pthread_join(thread, NULL);
  else
    lose_it(hunt->block);
}

static void free_around(struct hunt* hunt) {
  for (int i = 0; i <= 2 * kAround; ++i) {
    if (i != kAround) free(hunt->around[i]);
    hunt->around[i] = NULL;
  }
}

static void pass_time(struct hunt* hunt) { churn(&hunt->ring, hunt->plan.distance, NULL); }

static void read_live(struct hunt* hunt) {
  char* place = hunt->block + hunt->plan.offset;
  announce(hunt, place);
  if (!hunt->defect) read_at(place, hunt->plan.width);
  lose(hunt);
  pass_time(hunt);
  if (hunt->defect) read_at(place, hunt->plan.width);
  free_around(hunt);
}

static void read_dead(struct hunt* hunt) {
  char* place = hunt->block + hunt->plan.offset;
  announce(hunt, place);
  if (!hunt->defect) read_at(place, hunt->plan.width);
  lose(hunt);
  free_around(hunt);
  pass_time(hunt);
  if (hunt->defect) read_at(place, hunt->plan.width);
}

/* Two bytes at least, for one may be what is there already; not zeros, for the highest two bytes of poison are. */
static uint64_t value_of(struct hunt* hunt) { return 0x0101010101010101u * draw(&hunt->plan, 1, 127); }

static void write_now(struct hunt* hunt) {
  char* place = hunt->block + hunt->plan.offset;
  announce(hunt, place);
  if (!hunt->defect) write_at(place, hunt->plan.width, value_of(hunt));
  lose(hunt);
  if (hunt->defect) write_at(place, hunt->plan.width, value_of(hunt));
  pass_time(hunt);
  free_around(hunt);
}

static void write_later(struct hunt* hunt) {
  char* place = hunt->block + hunt->plan.offset;
  announce(hunt, place);
  if (!hunt->defect) write_at(place, hunt->plan.width, value_of(hunt));
  const unsigned calls = 200000 / hunt->plan.threads;
  lose(hunt);
  if (draw(&hunt->plan, 0, 1)) free_around(hunt);
  let_threads_do(200000 - calls);
  churn(&hunt->ring, calls, NULL);
  wait_for_threads();
  if (hunt->defect) write_at(place, hunt->plan.width, value_of(hunt));
  free_around(hunt);
}

struct node {
  uint64_t value;
  struct node* next;
};

__attribute__((noinline)) static void follow(char* place) {
  struct node* next = *(struct node**)hidden(place);
  sink = next->value; /* @access:chase */
}

static void chase(struct hunt* hunt) {
  static struct node last;
  char* place = hunt->block + hunt->plan.offset / 8 * 8;
  if (place + 8 > hunt->block + hunt->plan.size) place = hunt->block;
  *(struct node**)place = &last;
  announce(hunt, place);
  if (!hunt->defect) follow(place);
  lose(hunt);
  pass_time(hunt);
  if (hunt->defect) follow(place);
  free_around(hunt);
}

static void nothing(void) { sink = 1; }

__attribute__((noinline)) static void call(char* place) {
  void (*function)(void) = *(void (**)(void))hidden(place);
  function(); /* @access:call */
  sink = 2;
}

static void call_freed(struct hunt* hunt) {
  char* place = hunt->block + hunt->plan.offset / 8 * 8;
  if (place + 8 > hunt->block + hunt->plan.size) place = hunt->block;
  *(void (**)(void))place = nothing;
  announce(hunt, place);
  if (!hunt->defect) call(place);
  lose(hunt);
  pass_time(hunt);
  if (hunt->defect) call(place);
  free_around(hunt);
}

static void read_moved(struct hunt* hunt) {
  char* place = hunt->block + hunt->plan.offset;
  announce(hunt, place);
  char* moved = realloc(hunt->block, 2 * hunt->plan.size); /* @free moved */
  if (draw(&hunt->plan, 0, 1)) free_around(hunt);
  pass_time(hunt);
  read_at(hunt->defect ? place : moved + hunt->plan.offset, hunt->plan.width);
  free(moved);
  free_around(hunt);
}

/* What is wrong by its place: the block lives. */
static void misplace(struct hunt* hunt, char* place, int writes) {
  announce(hunt, place);
  char* target = hunt->defect ? place : hunt->block;
  const unsigned end = draw(&hunt->plan, 0, 3);
  if (writes)
    write_at(target, 1, end == 0 ? 0 : draw(&hunt->plan, 1, 127));
  else
    read_at(target, 1);
  if (draw(&hunt->plan, 0, 1)) free_around(hunt);
  pass_time(hunt);
  if (end != 1) lose(hunt);
  if (end == 1) hunt->ring.blocks[hunt->ring.live++] = hunt->block;
  free_around(hunt);
}

static void off_by_one(struct hunt* hunt) { misplace(hunt, hunt->block + hunt->plan.size, 1); }
static void in_front(struct hunt* hunt) { misplace(hunt, hunt->block - 1, 1); }
static void write_past(struct hunt* hunt) {
  misplace(hunt, hunt->block + hunt->plan.size + hunt->plan.beyond, 1);
}
static void read_past(struct hunt* hunt) {
  misplace(hunt, hunt->block + hunt->plan.size + hunt->plan.beyond, 0);
}

static const struct {
  const char* name;
  void (*work)(struct hunt*);
} kinds[] = {{"read_live", read_live},     {"read_dead", read_dead},   {"write_now", write_now},
             {"write_later", write_later}, {"chase", chase},           {"call", call_freed},
             {"read_moved", read_moved},   {"off_by_one", off_by_one}, {"in_front", in_front},
             {"write_past", write_past},   {"read_past", read_past}};
enum { kKinds = sizeof kinds / sizeof *kinds };

static struct hunt hunt;
static int first_kind, last_kind;

static void* look(void* argument) {
  hunt.ring.live = hunt.plan.live;
  hunt.ring.random.state = hunt.plan.state + 100;
  const struct taken taken = {hunt.around, 2 * kAround + 1, hunt.plan.size};
  for (int i = first_kind; i <= last_kind; ++i) {
    churn(&hunt.ring, i == first_kind ? hunt.plan.number - kAround : 1, &taken);
    hunt.block = hunt.around[kAround];
    let_threads_do(2000);
    kinds[i].work(&hunt);
  }
  wait_for_threads();
  empty(&hunt.ring);
  return argument;
}

int main(int count, char** words) {
  if (count < 3) return 2;
  make_plan(&hunt.plan, strtoull(words[2], NULL, 0));
  hunt.defect = count > 3 && strcmp(words[3], "defect") == 0;
  last_kind = kKinds - 1; /* "all", for the clean twin */
  for (int i = 0; i < kKinds; ++i) {
    if (strcmp(kinds[i].name, words[1]) == 0) first_kind = last_kind = i;
  }
  start_threads(&hunt.plan, 10000 * (hunt.plan.threads - 1));
  pthread_t thread;
  if (hunt.plan.from_thread && pthread_create(&thread, NULL, look, NULL) == 0)
    pthread_join(thread, NULL);
  else
    look(NULL);
  end_threads();
  return 0;
}

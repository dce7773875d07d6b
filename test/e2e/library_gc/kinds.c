/* bdwgc's less common functions: what each promises, on libloam-gc.so and on bdwgc itself. The name of a part is the argument. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <ucontext.h>

#include "gc_functions.h"

#define CHECK(condition)                                              \
  do {                                                                \
    if (!(condition)) {                                               \
      fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #condition); \
      exit(1);                                                        \
    }                                                                 \
  } while (0)

enum { kMany = 200 };

struct node {
  struct node* next;
  long number;
};

static void __attribute__((noinline)) wipe(void) {
  volatile char frame[16384];
  memset((char*)frame, 0, sizeof frame);
}

static void collect(void) {
  wipe();
  GC_gcollect();
}

/* Null when an object is gone, and holds none: memory without pointers. */
static void** links;
static int count_live(int first, int step) {
  int count = 0;
  for (int i = first; i < kMany; i += step) count += links[i] != NULL;
  return count;
}

static long answers[kMany];
static int answer(void* object) { return (int)answers[((struct node*)object)->number]; }

static void __attribute__((noinline)) make_toggled(void) {
  for (long i = 0; i < kMany; ++i) {
    struct node* node = GC_malloc(sizeof *node);
    node->number = i;
    node->next = GC_malloc(sizeof *node);
    links[i] = node;
    CHECK(GC_general_register_disappearing_link(&links[i], node) == 0);
    CHECK(GC_toggleref_add(node, 1) == 0);
  }
}

static void test_toggles(void) {
  links = GC_malloc_atomic(kMany * sizeof *links);
  GC_set_toggleref_func(answer);
  CHECK(GC_get_toggleref_func() == answer);
  for (long i = 0; i < kMany; ++i) answers[i] = GC_TOGGLE_REF_STRONG;
  make_toggled();
  collect();
  CHECK(count_live(0, 1) == kMany);
  /* Nothing else leads to those that are let go. */
  for (long i = 0; i < kMany; i += 2) answers[i] = GC_TOGGLE_REF_WEAK;
  collect();
  collect();
  CHECK(count_live(0, 2) < 10 && count_live(1, 2) == kMany / 2);
  for (long i = 1; i < kMany; i += 2) answers[i] = GC_TOGGLE_REF_DROP;
  collect();
  collect();
  CHECK(count_live(1, 2) < 10);
}

/* Stands for a virtual table: its second word says where pointers are. */
static void* table[4];
static struct node* volatile kept;

static void __attribute__((noinline)) make_gcj(void) {
  kept = NULL;
  for (long i = 0; i < kMany; ++i) {
    struct {
      void* table;
      struct node* next;
    }* object = GC_gcj_malloc(2 * sizeof(void*), table);
    CHECK(object->table == (void*)table && object->next == NULL);
    object->next = kept;
    kept = (struct node*)object;
  }
}

static void test_gcj(void) {
  GC_init_gcj_malloc(0, NULL);
  table[1] = (void*)(2 * sizeof(void*)); /* the descriptor: so many bytes, all pointers */
  make_gcj();
  collect();
  int count = 0;
  for (void** object = (void**)kept; object != NULL; object = object[1]) {
    CHECK(object[0] == (void*)table);
    ++count;
  }
  CHECK(count == kMany);
  kept = NULL;
  void** debug = GC_debug_gcj_malloc(100, table, __FILE__, __LINE__);
  CHECK(debug[0] == (void*)table && debug[1] == NULL);
}

static int finalized;
static void on_gone(void* object, void* data) {
  CHECK(data == (void*)table);
  CHECK(((struct node*)object)->next->number == ((struct node*)object)->number);
  ++finalized;
}
static void on_other(void* object, void* data) {
  (void)object;
  (void)data;
}
static const struct GC_finalizer_closure closure = {on_gone, table};
static const struct GC_finalizer_closure other_closure = {on_other, NULL};

static void __attribute__((noinline)) make_finalized(void) {
  for (long i = 0; i < kMany; ++i) {
    struct node* node = GC_finalized_malloc(sizeof *node, &closure);
    CHECK(node->next == NULL && node->number == 0);
    node->number = i;
    node->next = GC_malloc(sizeof *node);
    node->next->number = i;
  }
}

/* What the object leads to is whole when it is gone. */
static void test_disclaim(void) {
  GC_init_finalized_malloc();
  make_finalized();
  for (int i = 0; i < 3; ++i) {
    collect();
    /* bdwgc calls it when it wants the memory. */
    for (int j = 0; j < 1000; ++j) GC_finalized_malloc(sizeof(struct node), &other_closure);
  }
  CHECK(finalized > kMany * 9 / 10 && finalized <= kMany);
}

/* A coroutine's stack: while it runs, its bottom is the stack's; while it waits, the program names it. */
enum { kStackBytes = 256 << 10 };
static char* other_stack;
static ucontext_t main_context, other_context;
static struct GC_stack_base main_base;
static void* handle;
static uintptr_t waiting_from;

static void (*push_others)(void);
static void push_waiting(void) {
  if (push_others != NULL) push_others();
  if (waiting_from != 0) GC_push_all_eager((void*)waiting_from, other_stack + kStackBytes);
}

static void __attribute__((noinline)) leave_coroutine(void) {
  uintptr_t mark = (uintptr_t)__builtin_frame_address(0) - 512;
  waiting_from = mark & ~(uintptr_t)15;
  GC_set_stackbottom(handle, &main_base);
  swapcontext(&other_context, &main_context);
}

static void run_coroutine(void) {
  struct GC_stack_base base = {other_stack + kStackBytes};
  GC_set_stackbottom(handle, &base);
  waiting_from = 0;
  struct node* volatile list = NULL;
  for (long i = 0; i < 5000; ++i) {
    struct node* node = GC_malloc(sizeof *node);
    node->number = i;
    node->next = list;
    list = node;
  }
  collect(); /* on this stack */
  leave_coroutine();
  GC_set_stackbottom(handle, &base);
  waiting_from = 0;
  long number = 5000;
  for (struct node* node = list; node != NULL; node = node->next) CHECK(node->number == --number);
  CHECK(number == 0);
  GC_set_stackbottom(handle, &main_base);
}

static void __attribute__((noinline)) resume(void) { swapcontext(&main_context, &other_context); }

static void test_stackbottom(void) {
  handle = GC_get_my_stackbottom(&main_base);
  int on_stack = 0;
  CHECK((uintptr_t)main_base.mem_base > (uintptr_t)&on_stack);
  other_stack = malloc(kStackBytes);
  memset(other_stack, 0, kStackBytes);
  push_others = GC_get_push_other_roots();
  GC_set_push_other_roots(push_waiting);
  getcontext(&other_context);
  other_context.uc_stack.ss_sp = other_stack;
  other_context.uc_stack.ss_size = kStackBytes;
  other_context.uc_link = &main_context;
  makecontext(&other_context, run_coroutine, 0);
  resume();
  collect();
  for (int i = 0; i < 200000; ++i) memset(GC_malloc(sizeof(struct node)), 0x55, sizeof(struct node));
  collect();
  resume();
  struct GC_stack_base now = {NULL};
  CHECK(GC_get_my_stackbottom(&now) == handle && now.mem_base == main_base.mem_base);
}

static struct node* list;
static void grow(int count) {
  for (int i = 0; i < count; ++i) {
    struct node* node = GC_malloc(sizeof *node);
    node->number = i;
    node->next = list;
    list = node;
  }
}

/* Small steps end, and what is reached is there afterwards. */
static void test_little(void) {
  GC_enable_incremental();
  CHECK(GC_is_incremental_mode() != 0);
  for (int round = 0; round < 2; ++round) {
    list = NULL;
    grow(150000);
    GC_start_incremental_collection();
    const GC_word before = GC_get_gc_no();
    for (long i = 0; i < 100000000 && GC_collect_a_little() != 0; ++i) grow(1);
    collect();
    CHECK(GC_get_gc_no() > before);
    int count = 0;
    for (struct node* node = list; node != NULL; node = node->next) ++count;
    CHECK(count >= 150000);
  }
}

/* How often it collects: for the environment's growth, and the divisor's. */
static void test_growth(void) {
  list = NULL;
  grow(1000000);
  collect();
  const GC_word before = GC_get_gc_no();
  for (int i = 0; i < 3000000; ++i) GC_malloc(sizeof(struct node));
  printf("%lu collections\n", GC_get_gc_no() - before);
}

int main(int argc, char** argv) {
  static const struct {
    const char* name;
    void (*run)(void);
  } parts[] = {{"toggles", test_toggles},         {"gcj", test_gcj},       {"disclaim", test_disclaim},
               {"stackbottom", test_stackbottom}, {"little", test_little}, {"growth", test_growth}};
  GC_init();
  for (size_t i = 0; i < sizeof parts / sizeof *parts; ++i) {
    if (argc != 2 || strcmp(argv[1], parts[i].name) != 0) continue;
    parts[i].run();
    printf("%s: as promised\n", argv[1]);
    return 0;
  }
  return 2;
}

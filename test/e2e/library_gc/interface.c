/* bdwgc's interface: what each family of functions promises. The name of a part is the argument. */
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

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

static struct node* kept;
static int finalized;
static long order[kMany];

/* What a frame that has returned left on the stack holds on to nothing afterwards. */
static void __attribute__((noinline)) wipe(void) {
  volatile char frame[16384];
  memset((char*)frame, 0, sizeof frame);
}

static void collect(void) {
  wipe();
  GC_gcollect();
}

static void on_finalize(void* object, void* data) {
  CHECK((long)data == ((struct node*)object)->number);
  if (finalized < kMany) order[finalized] = ((struct node*)object)->number;
  ++finalized;
}

static void __attribute__((noinline)) make_list(int count) {
  kept = NULL;
  for (int i = 0; i < count; ++i) {
    struct node* node = GC_malloc(sizeof *node);
    CHECK(node->next == NULL && node->number == 0);
    node->next = kept;
    node->number = i;
    kept = node;
  }
}

static void test_sizes(void) {
  static const size_t sizes[] = {0,    1,     16,    17,    100,   1000,   1024,   1025,
                                 4096, 10000, 32768, 32769, 65536, 100000, 3000000};
  for (size_t i = 0; i < sizeof sizes / sizeof *sizes; ++i) {
    for (int round = 0; round < 50; ++round) {
      char* object = GC_malloc(sizes[i]);
      CHECK(object != NULL && (uintptr_t)object % 16 == 0 && GC_size(object) >= sizes[i]);
      for (size_t at = 0; at < sizes[i]; at += 7) CHECK(object[at] == 0);
      memset(object, 0xee, sizes[i]);
      if (sizes[i] > 0)
        CHECK(GC_base(object + sizes[i] - 1) == object && GC_is_heap_ptr(object + sizes[i] / 2));
    }
    collect();
  }
  int on_stack = 0;
  CHECK(GC_base(&on_stack) == NULL && !GC_is_heap_ptr(&on_stack) && GC_base(NULL) == NULL);
}

static void test_realloc(void) {
  char* text = GC_realloc(NULL, 5);
  strcpy(text, "four");
  for (size_t bytes = 8; bytes < 400000; bytes = bytes * 3 / 2) {
    text = GC_realloc(text, bytes);
    CHECK(strcmp(text, "four") == 0 && text[bytes - 1] == 0);
  }
  text = GC_realloc(text, 6);
  CHECK(strcmp(text, "four") == 0);
  CHECK(strcmp(GC_strdup("copy"), "copy") == 0 && strcmp(GC_strndup("copy", 2), "co") == 0);
  CHECK(wcscmp(GC_wcsdup(L"wide"), L"wide") == 0);
  for (size_t alignment = 16; alignment <= 65536; alignment *= 2) {
    for (size_t bytes = 1; bytes < 100000; bytes = bytes * 5 + 1) {
      void* object = GC_memalign(alignment, bytes);
      CHECK((uintptr_t)object % alignment == 0);
      memset(object, 1, bytes);
    }
  }
  void* aligned = NULL;
  CHECK(GC_posix_memalign(&aligned, 3, 10) != 0);
  CHECK(GC_posix_memalign(&aligned, 256, 10) == 0 && (uintptr_t)aligned % 256 == 0);
  int count = 0;
  for (void* object = GC_malloc_many(48); object != NULL; object = *(void**)object) ++count;
  CHECK(count >= 1);
  GC_free(GC_malloc(100));
  GC_free(GC_malloc(100000));
  GC_free(NULL);
}

static void test_reach(void) {
  for (int round = 0; round < 5; ++round) {
    make_list(20000);
    collect();
    int count = 0;
    for (struct node* node = kept; node != NULL; node = node->next) CHECK(node->number == 20000 - ++count);
    CHECK(count == 20000);
  }
  /* Through an interior pointer, through memory that is never collected, through a named range, and not through malloc's. */
  char** kept_memory = GC_malloc_uncollectable(64);
  kept_memory[3] = (char*)GC_malloc(300) + 123;
  strcpy(kept_memory[3], "here");
  struct node** range = malloc(sizeof *range);
  GC_add_roots(range, range + 1);
  *range = GC_malloc(sizeof **range);
  (*range)->number = 4711;
  for (int i = 0; i < 100000; ++i) memset(GC_malloc(300), 0x55, 300);
  for (int i = 0; i < 100000; ++i) memset(GC_malloc(sizeof(struct node)), 0x55, sizeof(struct node));
  collect();
  CHECK(strcmp(kept_memory[3], "here") == 0 && (*range)->number == 4711);
  GC_remove_roots(range, range + 1);
  GC_free(kept_memory);
  /* Bounded memory for unbounded garbage. */
  const size_t before = GC_get_heap_size();
  for (int i = 0; i < 3000000; ++i) GC_malloc(64);
  CHECK(GC_get_heap_size() < before + (64 << 20) && GC_get_total_bytes() > 3000000ul * 64);
}

static void __attribute__((noinline)) make_finalized(void) {
  for (long i = 0; i < kMany; ++i) {
    struct node* node = GC_malloc(sizeof *node);
    node->number = i;
    GC_register_finalizer(node, on_finalize, (void*)i, NULL, NULL);
  }
}

static void __attribute__((noinline)) make_chain(void) {
  struct node* below = NULL;
  for (long i = 0; i < 10; ++i) {
    struct node* node = GC_malloc(sizeof *node);
    node->number = i;
    node->next = below;
    below = node;
    GC_register_finalizer(node, on_finalize, (void*)i, NULL, NULL);
  }
}

static void __attribute__((noinline)) make_selfish(void) {
  for (long i = 0; i < kMany; ++i) {
    struct node* node = GC_malloc(sizeof *node);
    node->number = i;
    node->next = node;
    GC_register_finalizer_ignore_self(node, on_finalize, (void*)i, NULL, NULL);
    node = GC_malloc(sizeof *node);
    node->number = i;
    node->next = node;
    GC_register_finalizer(node, on_finalize, (void*)i, NULL, NULL);
  }
}

static void test_finalizers(void) {
  make_finalized();
  collect();
  collect();
  CHECK(finalized > kMany * 9 / 10 && finalized <= kMany);
  /* From the top of a chain, one more each collection. */
  finalized = 0;
  make_chain();
  for (int i = 0; i < 14; ++i) collect();
  CHECK(finalized >= 9 && finalized <= 10);
  for (int i = 1; i < finalized; ++i) CHECK(order[i] < order[i - 1]);
  finalized = 0;
  make_selfish();
  for (int i = 0; i < 3; ++i) collect();
  CHECK(finalized > kMany * 9 / 10 && finalized <= kMany);
  /* On demand. */
  finalized = 0;
  GC_set_finalize_on_demand(1);
  make_finalized();
  collect();
  CHECK(finalized == 0 && GC_should_invoke_finalizers());
  CHECK(GC_invoke_finalizers() == finalized && finalized > kMany * 9 / 10);
  GC_finalization_proc old = NULL;
  struct node* node = GC_malloc(sizeof *node);
  GC_register_finalizer(node, on_finalize, NULL, NULL, NULL);
  GC_register_finalizer(node, NULL, NULL, &old, NULL);
  CHECK(old == on_finalize);
}

static void** links;

static void __attribute__((noinline)) make_linked(void) {
  links = GC_malloc_atomic(kMany * sizeof *links);
  for (int i = 0; i < kMany; ++i) {
    struct node* node = GC_malloc(sizeof *node);
    links[i] = node;
    CHECK(GC_general_register_disappearing_link(&links[i], node) == 0);
    CHECK(GC_general_register_disappearing_link(&links[i], node) == 1);
    if (i % 2 == 0) {
      node->next = kept;
      kept = node;
    }
  }
}

static void test_links(void) {
  kept = NULL;
  make_linked();
  collect();
  int cleared = 0;
  for (int i = 0; i < kMany; ++i) {
    if (i % 2 == 0) CHECK(links[i] != NULL);
    cleared += links[i] == NULL;
  }
  CHECK(cleared > kMany / 2 - 10);
  CHECK(GC_unregister_disappearing_link(&links[0]) == 1 && GC_unregister_disappearing_link(&links[0]) == 0);
  static void* elsewhere;
  elsewhere = links[2];
  CHECK(GC_move_disappearing_link(&links[2], &elsewhere) == 0);
  CHECK(GC_unregister_disappearing_link(&elsewhere) == 1);
}

static void* run_thread(void* argument) {
  static __thread struct node* own;
  struct node* list = NULL;
  own = GC_malloc(sizeof *own);
  own->number = (long)argument;
  for (long i = 0; i < 60000; ++i) {
    struct node* node = GC_malloc(sizeof *node);
    CHECK(node->next == NULL && node->number == 0);
    node->number = i;
    node->next = i % 100 == 0 ? NULL : list;
    list = node;
    if (i % 100 == 99) {
      long number = i;
      for (struct node* at = list; at != NULL; at = at->next) CHECK(at->number == number--);
    }
    if (i % 20000 == 5) GC_gcollect();
  }
  CHECK(own->number == (long)argument);
  struct node* result = GC_malloc(sizeof *result);
  result->number = (long)argument * 3;
  return result;
}

static void test_threads(void) {
  enum { kThreads = 4 };
  pthread_t threads[kThreads];
  for (int round = 0; round < 4; ++round) {
    for (long i = 0; i < kThreads; ++i)
      CHECK(GC_pthread_create(&threads[i], NULL, run_thread, (void*)i) == 0);
    make_list(50000);
    for (long i = 0; i < kThreads; ++i) {
      collect();
      void* result = NULL;
      CHECK(GC_pthread_join(threads[i], &result) == 0);
      CHECK(((struct node*)result)->number == i * 3);
    }
    long number = 50000;
    for (struct node* node = kept; node != NULL; node = node->next) CHECK(node->number == --number);
  }
}

static void* no_memory(size_t bytes) {
  (void)bytes;
  return NULL;
}

static void test_limit(void) {
  GC_set_oom_fn(no_memory);
  GC_set_max_heap_size(GC_get_heap_size() + (8 << 20));
  int count = 0;
  kept = NULL;
  for (;;) {
    struct node* node = GC_malloc(4000);
    if (node == NULL) break;
    node->next = kept;
    kept = node;
    CHECK(++count < 100000);
  }
  kept = NULL;
  collect();
  CHECK(GC_malloc(4000) != NULL);
}

static void __attribute__((noinline)) leak_some(void) {
  for (int i = 0; i < 20; ++i) {
    struct node* node = GC_debug_malloc(sizeof *node, __FILE__, __LINE__);
    node->number = i;
    if (i % 2 == 0) GC_debug_free(node);
  }
}

/* What is written behind an object's end is told when it is freed; objects lost in find-leak mode are. */
static void test_debug(void) {
  char* object = GC_debug_malloc(13, __FILE__, __LINE__);
  object[13] = 'x';
  GC_debug_free(object);
  GC_set_find_leak(1);
  leak_some();
  collect();
}

static void test_counts(void) {
  const GC_word before = GC_get_gc_no();
  GC_disable();
  for (int i = 0; i < 100000; ++i) GC_malloc(100);
  CHECK(GC_get_gc_no() == before);
  GC_enable();
  collect();
  CHECK(GC_get_gc_no() > before && GC_get_free_bytes() <= GC_get_heap_size());
}

int main(int argc, char** argv) {
  static const struct {
    const char* name;
    void (*run)(void);
  } parts[] = {{"sizes", test_sizes},           {"realloc", test_realloc}, {"reach", test_reach},
               {"finalizers", test_finalizers}, {"links", test_links},     {"threads", test_threads},
               {"limit", test_limit},           {"debug", test_debug},     {"counts", test_counts}};
  GC_init();
  GC_allow_register_threads();
  for (size_t i = 0; i < sizeof parts / sizeof *parts; ++i) {
    if (argc != 2 || strcmp(argv[1], parts[i].name) != 0) continue;
    parts[i].run();
    printf("%s: as promised\n", argv[1]);
    return 0;
  }
  return 2;
}

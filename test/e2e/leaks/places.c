// Keeps the only pointer to a block in one place, named by the argument, and waits. Blocks are 4000 bytes, so that nothing else
// is like them; the pointer is hidden everywhere else.
//   places PLACE
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <ucontext.h>
#include <unistd.h>

#define BYTES 4000
#define NOINLINE __attribute__((noinline))

static void* volatile global;
static void* volatile initialised = "something";
static __thread void* volatile local;
static _Atomic int ready;
static _Atomic int done;
static uintptr_t hidden;
static const uintptr_t mask = 0x5555555555555555u;

// The block's address goes into `hidden` only, which no search takes for a pointer.
static NOINLINE void make(void) {
  char* block = malloc(BYTES);
  memset(block, 1, BYTES);
  hidden = (uintptr_t)block ^ mask;
}

// Takes the address out of its hiding place into one other; leaves none in what this function used.
#define REVEAL_INTO(place)            \
  do {                                \
    make();                           \
    clear_stack();                    \
    (place) = (void*)(hidden ^ mask); \
  } while (0)

static NOINLINE void clear_stack(void) {
  volatile char room[16384];
  for (size_t i = 0; i < sizeof room; ++i) room[i] = 0;
}

static void spin(void) {
  atomic_store(&ready, 1);
  while (!atomic_load(&done)) usleep(1000);
}

static NOINLINE void put_global(void) { REVEAL_INTO(global); }
static NOINLINE void put_initialised(void) { REVEAL_INTO(initialised); }
static NOINLINE void put_mapping(void) {
  void** page = mmap(NULL, 1 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  REVEAL_INTO(page[5000]);
}
static NOINLINE void put_shared(void) {
  void** page = mmap(NULL, 1 << 20, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  REVEAL_INTO(page[5000]);
}
static NOINLINE void put_read_only(void) {
  void** page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  REVEAL_INTO(page[7]);
  mprotect(page, 4096, PROT_READ);
}
static NOINLINE void put_block(void) {
  static void** volatile holder;  // or a compiler that sees nobody read it keeps it nowhere
  holder = calloc(3, sizeof *holder);
  REVEAL_INTO(holder[1]);
}
static NOINLINE void put_tagged(void) {
  REVEAL_INTO(global);
  global = (char*)global + 3;
}
static NOINLINE void put_interior(void) {
  REVEAL_INTO(global);
  global = (char*)global + BYTES - 1;
}

static void* with_stack(void* unused) {
  (void)unused;
  void* volatile here;
  REVEAL_INTO(here);
  spin();
  return here;
}
static void* with_tls(void* unused) {
  REVEAL_INTO(local);
  spin();
  return unused;
}
static void* with_key(void* unused) {
  pthread_key_t key;
  pthread_key_create(&key, NULL);
  make();
  pthread_setspecific(key, (void*)(hidden ^ mask));
  clear_stack();
  spin();
  return unused;
}
// In a register that calls preserve, and nowhere else.
static void* with_register(void* unused) {
  make();
  clear_stack();
  atomic_store(&ready, 1);
  register void* held = (void*)(hidden ^ mask);
  while (!atomic_load(&done)) __asm__ volatile("" : "+r"(held));
  return held == NULL ? NULL : unused;
}
static void* ends_with_tls(void* unused) {
  REVEAL_INTO(local);
  return unused;
}
static void* ends_with_stack(void* unused) {
  void* volatile here[64] __attribute__((unused));
  for (int i = 0; i < 64; ++i) here[i] = NULL;
  REVEAL_INTO(here[3]);
  return unused;
}
static NOINLINE void leave_below(void) {
  void* volatile deep[512] __attribute__((unused));
  for (int i = 0; i < 512; ++i) deep[i] = NULL;
  REVEAL_INTO(deep[3]);
}

static void on_other_stack(int signal) {
  (void)signal;
  void* volatile here;
  REVEAL_INTO(here);
  spin();
  global = here;
}
static NOINLINE void use_other_stack(int stay) {
  stack_t other = {.ss_sp = mmap(NULL, 1 << 16, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0),
                   .ss_size = 1 << 16};
  sigaltstack(&other, NULL);
  if (!stay) {
    void** place = (void**)other.ss_sp + 5000;
    REVEAL_INTO(*place);
    return;
  }
  struct sigaction action = {.sa_handler = on_other_stack, .sa_flags = SA_ONSTACK};
  sigaction(SIGUSR1, &action, NULL);
  raise(SIGUSR1);
}

static ucontext_t main_context, coroutine_context;
static void coroutine(void) {
  void* volatile here;
  REVEAL_INTO(here);
  swapcontext(&coroutine_context, &main_context);
  global = here;
}
static NOINLINE void in_coroutine(int in_heap) {
  const size_t size = 1 << 16;
  void* stack =
      in_heap ? malloc(size) : mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  getcontext(&coroutine_context);
  coroutine_context.uc_stack.ss_sp = stack;
  coroutine_context.uc_stack.ss_size = size;
  coroutine_context.uc_link = NULL;
  makecontext(&coroutine_context, coroutine, 0);
  swapcontext(&main_context, &coroutine_context);
}

struct place {
  const char* name;
  void (*put)(void);
  void* (*thread)(void*);
};
static void put_below(void) { leave_below(); }
static void put_on_other(void) { use_other_stack(1); }
static void put_in_other(void) { use_other_stack(0); }
static void put_coroutine(void) { in_coroutine(0); }
static void put_heap_coroutine(void) { in_coroutine(1); }
static const struct place places[] = {{"nowhere", make, NULL},
                                      {"global", put_global, NULL},
                                      {"initialised", put_initialised, NULL},
                                      {"mapping", put_mapping, NULL},
                                      {"shared", put_shared, NULL},
                                      {"read-only", put_read_only, NULL},
                                      {"block", put_block, NULL},
                                      {"tagged", put_tagged, NULL},
                                      {"interior", put_interior, NULL},
                                      {"below-stack", put_below, NULL},
                                      {"other-stack", put_on_other, NULL},
                                      {"idle-other-stack", put_in_other, NULL},
                                      {"coroutine", put_coroutine, NULL},
                                      {"heap-coroutine", put_heap_coroutine, NULL},
                                      {"stack", NULL, with_stack},
                                      {"tls", NULL, with_tls},
                                      {"key", NULL, with_key},
                                      {"register", NULL, with_register},
                                      {"ended-tls", NULL, ends_with_tls},
                                      {"ended-stack", NULL, ends_with_stack}};

static void* tell(void* unused) {
  while (!atomic_load(&ready)) usleep(1000);
  puts("ready");
  fflush(stdout);
  char byte;
  if (read(0, &byte, 1) < 0) return NULL;
  atomic_store(&done, 1);
  return unused;
}

int main(int argc, char** argv) {
  if (argc != 2) return 2;
  for (size_t i = 0; i < sizeof places / sizeof *places; ++i) {
    const struct place* place = &places[i];
    if (strcmp(place->name, argv[1]) != 0) continue;
    pthread_t telling, thread;
    pthread_create(&telling, NULL, tell, NULL);
    if (place->thread != NULL) {
      pthread_create(&thread, NULL, place->thread, NULL);
      if (strncmp(place->name, "ended", 5) == 0) pthread_join(thread, NULL);
    } else {
      place->put();
    }
    clear_stack();
    if (place->thread == NULL || strncmp(place->name, "ended", 5) == 0) atomic_store(&ready, 1);
    pthread_join(telling, NULL);
    if (place->thread != NULL && strncmp(place->name, "ended", 5) != 0) pthread_join(thread, NULL);
    return 0;
  }
  return 2;
}

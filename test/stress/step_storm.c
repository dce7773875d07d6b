/* A signal at every instruction of malloc and free. First the processor's trap flag walks through a section (a malloc and
   free of some size, a realloc ...) and notes each instruction of the library on its way. Then, for one noted instruction
   after the other, a breakpoint there stops the section, and the handler of the breakpoint's signal allocates, resizes and
   frees in all sizes; all blocks are verified each time. At the end come passes with many handlers in one section, at
   random instructions. (Stepping up to each position in turn would be the same test at the square of the price.)
   Usage: step_storm [--seconds S per section] [--seed N] [SECTION] */
#include <link.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <ucontext.h>

#include "../support/storm.h"

enum { kKept = 6, kLive = 48, kMany = 90, kMostNoted = 1 << 16 };

// Of processor time: on a machine that does other things too, as many handlers run as on one that does not.
static double busy_seconds(void) {
  struct timespec now;
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
  return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

static void* g_kept[kKept];
static void* g_live[kLive];
static void* g_many[kMany];
static uint32_t g_state = 1;
static const char* g_section = "";

/* The library's code, made writable for breakpoints. */
static unsigned char* g_text;
static size_t g_text_size;

/* What the trap flag found in the section under way. */
static int g_tracing;
static long g_length;
static unsigned char* g_noted[kMostNoted];
static long g_noted_count;
static unsigned char* g_is_noted; /* one byte for each byte of the text */

/* The breakpoint that stands, the byte it covers, and how often a handler worked in this pass. */
static unsigned char* g_break;
static unsigned char g_covered;
static int g_again;
static long g_worked;
static void* g_interrupted;

/* Names the section and the instruction for whatever goes wrong, then lets storm_fail's text follow. */
static void tell_where(void) {
  Dl_info info;
  const char* module = "?";
  uintptr_t offset = (uintptr_t)g_interrupted;
  if (g_interrupted != NULL && dladdr(g_interrupted, &info) != 0) {
    module = info.dli_fname;
    offset -= (uintptr_t)info.dli_fbase;
  }
  char line[512];
  const int length = snprintf(line, sizeof line, "section %s, handler over %s+0x%lx:\n", g_section, module,
                              (unsigned long)offset);
  if (write(2, line, (size_t)length) < 0) _exit(1);
}

static void fatal(int signal_number) {
  storm_fail(signal_number == SIGALRM ? "hangs: a signal handler waits for what it interrupted"
                                      : "ended by signal %d",
             signal_number);
}

static void use_the_heap(void) {
  static const size_t sizes[] = {16, 24, 48, 100, 512, 1000, 5000, 40000, 100000, 200000};
  for (unsigned i = 0; i < 4; ++i) inspect_and_free(painted(sizes[next_random(&g_state) % 10]));
  const unsigned at = next_random(&g_state) % kKept;
  void* old = g_kept[at];
  g_kept[at] = NULL;
  if (old != NULL && at % 2 == 0) old = repainted(old, random_size(&g_state));
  inspect_and_free(old);
  /* Mostly the sizes that the section is in, so that both want the same span. */
  g_kept[at] = painted(at < 3 ? sizes[next_random(&g_state) % 10] : 16 + next_random(&g_state) % 1000);
}

static void remove_break(void) {
  if (g_break != NULL) *g_break = g_covered;
  g_break = NULL;
}

static void set_break(unsigned char* at) {
  g_break = at;
  g_covered = *at;
  *at = 0xCC;
}

static void note(unsigned char* at) {
  ++g_length;
  if (at < g_text || at >= g_text + g_text_size || g_is_noted[at - g_text] || g_noted_count == kMostNoted)
    return;
  g_is_noted[at - g_text] = 1;
  g_noted[g_noted_count++] = at;
}

/* A repeated string instruction traps once for each byte: done here in one go, as the processor would. */
static void finish_repeat(greg_t* registers) {
  const unsigned char* at = (const unsigned char*)registers[REG_RIP];
  const int wide = at[1] == 0x48;
  const unsigned char operation = at[wide ? 2 : 1];
  if (at[0] != 0xF3 || (operation != 0xA4 && operation != 0xA5 && operation != 0xAA && operation != 0xAB))
    return;
  const size_t unit = (operation & 1) == 0 ? 1 : wide ? 8 : 4;
  const size_t bytes = (size_t)registers[REG_RCX] * unit;
  char* to = (char*)registers[REG_RDI];
  if (operation <= 0xA5) {
    const char* from = (const char*)registers[REG_RSI];
    for (size_t i = 0; i < bytes; ++i) to[i] = from[i]; /* byte by byte upwards: the ranges may overlap */
    registers[REG_RSI] += (greg_t)bytes;
  } else {
    for (size_t i = 0; i < bytes; ++i) to[i] = (char)((uint64_t)registers[REG_RAX] >> (i % unit * 8));
  }
  registers[REG_RDI] += (greg_t)bytes;
  registers[REG_RCX] = 0;
  registers[REG_RIP] += wide ? 3 : 2;
}

/* The signal handler under test, over whatever instruction the breakpoint covers. */
static void handler(int signal_number, siginfo_t* info, void* context) {
  greg_t* registers = ((ucontext_t*)context)->uc_mcontext.gregs;
  (void)signal_number;
  (void)info;
  if (g_tracing) {
    note((unsigned char*)registers[REG_RIP]);
    finish_repeat(registers);
    return;
  }
  if (g_break == NULL || (unsigned char*)registers[REG_RIP] != g_break + 1)
    storm_fail("a trap from elsewhere");
  registers[REG_RIP] -= 1;
  g_interrupted = g_break;
  remove_break();
  const int error = errno;
  use_the_heap();
  ++g_worked;
  if (g_again) set_break(g_noted[next_random(&g_state) % (uint32_t)g_noted_count]);
  errno = error;
}

/* The flags are changed below the red zone, which the compiler may be using. */
static inline void set_trap_flag(void) {
  __asm__ volatile(
      "leaq -128(%%rsp), %%rsp\n\tpushfq\n\torq $0x100, (%%rsp)\n\tpopfq\n\tleaq 128(%%rsp), %%rsp"
      :
      :
      : "memory", "cc");
}
static inline void clear_trap_flag(void) {
  __asm__ volatile(
      "leaq -128(%%rsp), %%rsp\n\tpushfq\n\tandq $~0x100, (%%rsp)\n\tpopfq\n\tleaq 128(%%rsp), %%rsp"
      :
      :
      : "memory", "cc");
}

/* Sections mark their blocks at both ends only: what is stepped through is to be the heap, not the test. */
static void* marked_block(size_t size) {
  char* block = malloc(size);
  if (block == NULL) storm_fail("no memory for %zu bytes", size);
  *(uintptr_t*)(void*)block = (uintptr_t)block ^ size;
  block[size - 1] = 'e';
  return block;
}

static void check_ends(const void* block, uintptr_t marked_at, size_t size) {
  if (*(const uintptr_t*)block != (marked_at ^ size))
    storm_fail("the head of block %p (%zu bytes) changed", block, size);
}

static void free_marked(void* block, size_t size) {
  check_ends(block, (uintptr_t)block, size);
  if (((char*)block)[size - 1] != 'e') storm_fail("the end of block %p (%zu bytes) changed", block, size);
  free(block);
}

static void* resize_marked(void* block, size_t size, size_t next_size) {
  const uintptr_t before = (uintptr_t)block;
  char* next = realloc(block, next_size);
  if (next == NULL) storm_fail("no memory for %zu bytes", next_size);
  check_ends(next, before, size);
  *(uintptr_t*)(void*)next = (uintptr_t)next ^ next_size;
  next[next_size - 1] = 'e';
  return next;
}

static void pair(size_t size) { free_marked(marked_block(size), size); }
static void pair16(void) { pair(16); }
static void pair100(void) { pair(100); }
static void pair1000(void) { pair(1000); }
static void pair5000(void) { pair(5000); }
static void pair40000(void) { pair(40000); }
static void pair200000(void) { pair(200000); }
static void pair3m(void) { pair(3u << 20); }
static void pair80m(void) { pair(80u << 20); }

static void bare48(void) {
  void* block = malloc(48);
  __asm__ volatile("" : : "r"(block) : "memory");
  free(block);
}

static void clear1000(void) {
  uint64_t* block = calloc(10, 104);
  uint64_t sum = 0;
  for (int i = 0; i < 130; ++i) sum |= block[i];
  if (sum != 0) storm_fail("calloc: not zero");
  memset(block, 0xA5, 1040);
  free(block);
}

static void grow_small(void) {
  void* block = marked_block(24);
  block = resize_marked(block, 24, 40);
  block = resize_marked(block, 40, 700);
  free_marked(block, 700);
}

/* Into room to grow, and out of it in place where the slices behind are free. */
static void outgrow(void) {
  void* block = marked_block(200);
  block = resize_marked(block, 200, 900);
  block = resize_marked(block, 900, 60000);
  block = resize_marked(block, 60000, 100000);
  free_marked(block, 100000);
}

static void grow_large(void) {
  void* block = marked_block(66000);
  block = resize_marked(block, 66000, 90000);
  block = resize_marked(block, 90000, 400000);
  free_marked(block, 400000);
}

static void shrink(void) { free_marked(resize_marked(marked_block(60000), 60000, 200), 200); }

static void aligned(void) {
  void* block = NULL;
  if (posix_memalign(&block, 4096, 100) != 0) storm_fail("posix_memalign failed");
  if ((uintptr_t)block % 4096 != 0) storm_fail("%p is not aligned", block);
  free(block);
}

/* Crosses stacks and spans: refills, empty spans. */
static void many(void) {
  for (int i = 0; i < kMany; ++i) g_many[i] = marked_block(500);
  for (int i = 0; i < kMany; ++i) free_marked(g_many[i], 500);
}

static void many_large(void) {
  for (int i = 0; i < 12; ++i) g_many[i] = marked_block(50000);
  for (int i = 0; i < 12; ++i) free_marked(g_many[i], 50000);
}

/* Enough bare pairs that the heartbeat is met. */
static void heartbeat(void) {
  for (int i = 0; i < 520; ++i) bare48();
}

static void trim(void) { malloc_trim(0); }

/* Remote frees: blocks of a thread that waits, freed here; and blocks from here that the thread freed, drained here. */
static pthread_barrier_t g_barrier;
static void* g_theirs[40];
static void* g_ours[40];

static void* partner(void* unused) {
  sigset_t set;
  (void)unused;
  sigfillset(&set);
  pthread_sigmask(SIG_BLOCK, &set, NULL);
  for (;;) {
    pthread_barrier_wait(&g_barrier);
    for (int i = 0; i < 40; ++i) {
      free_marked(g_ours[i], i < 30 ? 80 : 9000);
      g_ours[i] = NULL;
      g_theirs[i] = marked_block(i < 30 ? 300 : 20000);
    }
    pthread_barrier_wait(&g_barrier);
  }
  return NULL;
}

static void meet_partner(void) {
  static int started;
  if (!started) {
    pthread_t thread;
    pthread_barrier_init(&g_barrier, NULL, 2);
    if (pthread_create(&thread, NULL, partner, NULL) != 0) storm_fail("no thread");
    started = 1;
  }
  for (int i = 0; i < 40; ++i) {
    if (g_ours[i] == NULL) g_ours[i] = marked_block(i < 30 ? 80 : 9000);
  }
  pthread_barrier_wait(&g_barrier);
  pthread_barrier_wait(&g_barrier);
}

static void remote(void) {
  for (int i = 0; i < 40; ++i) free_marked(g_theirs[i], i < 30 ? 300 : 20000);
  for (int i = 0; i < 40; ++i) pair(i < 30 ? 80 : 9000);
}

struct section {
  const char* name;
  void (*run)(void);
  void (*prepare)(void);
  size_t stock; /* size of the blocks that vary_stock keeps */
};

static const struct section kSections[] = {
    {"bare48", bare48, NULL, 48},
    {"pair16", pair16, NULL, 16},
    {"pair100", pair100, NULL, 100},
    {"pair1000", pair1000, NULL, 1000},
    {"pair5000", pair5000, NULL, 5000},
    {"pair40000", pair40000, NULL, 40000},
    {"pair200000", pair200000, NULL, 200000},
    {"pair3m", pair3m, NULL, 3u << 20},
    {"pair80m", pair80m, NULL, 80u << 20},
    {"calloc", clear1000, NULL, 1040},
    {"grow_small", grow_small, NULL, 40},
    {"outgrow", outgrow, NULL, 900},
    {"grow_large", grow_large, NULL, 90000},
    {"shrink", shrink, NULL, 200},
    {"aligned", aligned, NULL, 4096},
    {"many", many, NULL, 500},
    {"many_large", many_large, NULL, 50000},
    {"heartbeat", heartbeat, NULL, 48},
    {"trim", trim, NULL, 1000},
    {"remote", remote, meet_partner, 80},
};
enum { kSectionCount = sizeof kSections / sizeof *kSections };

/* A stock of blocks of the section's own size that grows and shrinks, so that the section meets stacks and spans that are
   full, empty and between: its slow paths, again and again. */
static void vary_stock(size_t size) {
  enum { kMostStock = 400 };
  static void* stock[kMostStock];
  static size_t sizes[kMostStock];
  static unsigned held;
  unsigned wanted = next_random(&g_state) % (size < 2000 ? kMostStock : 12);
  while (held > wanted) --held, free_marked(stock[held], sizes[held]);
  for (; held < wanted; ++held) {
    stock[held] = marked_block(size);
    sizes[held] = size;
  }
}

/* Some holes in every span, different ones each time. */
static void stir(void) {
  for (int i = 0; i < 6; ++i) {
    const unsigned at = next_random(&g_state) % kLive;
    inspect_and_free(g_live[at]);
    g_live[at] = painted(16 + next_random(&g_state) % (at < 40 ? 1000 : 60000));
  }
}

static void verify_all(void) {
  for (int i = 0; i < kLive; ++i) {
    if (g_live[i] != NULL) inspect(g_live[i]);
  }
  for (int i = 0; i < kKept; ++i) {
    if (g_kept[i] != NULL) inspect(g_kept[i]);
  }
}

static void prepare(const struct section* section) {
  stir();
  vary_stock(section->stock);
  if (section->prepare != NULL) section->prepare();
  g_worked = 0;
  g_interrupted = NULL;
}

/* One run of the section under the trap flag. */
static void trace(const struct section* section) {
  prepare(section);
  g_length = 0;
  g_tracing = 1;
  set_trap_flag();
  section->run();
  clear_trap_flag();
  g_tracing = 0;
  verify_all();
}

/* One run with a handler at the given instruction, if the section gets there, and then at others or not. */
static long interrupt(const struct section* section, unsigned char* at, int again) {
  prepare(section);
  g_again = again;
  alarm(60);
  set_break(at);
  section->run();
  remove_break();
  alarm(0);
  verify_all();
  return g_worked;
}

/* Different ways through the section are found by tracing it until nothing new comes up. */
static void find_instructions(const struct section* section, double seconds) {
  memset(g_is_noted, 0, g_text_size);
  g_noted_count = 0;
  int nothing_new = 0;
  const double end = busy_seconds() + seconds;
  while (nothing_new < 60 && (nothing_new < 3 || busy_seconds() < end)) {
    const long before = g_noted_count;
    trace(section);
    nothing_new = g_noted_count == before ? nothing_new + 1 : 0;
  }
}

static void sweep(const struct section* section, double seconds) {
  enum { kTries = 150 };
  g_section = section->name;
  const double began = busy_seconds();
  find_instructions(section, seconds);
  if (g_noted_count == 0) storm_fail("section %s never enters the library", section->name);
  long met = 0;
  for (long i = 0; i < g_noted_count; ++i) {
    for (int tries = 0; tries < kTries && (tries < 4 || busy_seconds() < began + 4 * seconds); ++tries) {
      if (interrupt(section, g_noted[i], 0) == 0) continue;
      ++met;
      break;
    }
  }
  long passes = 0, more = 0;
  const double middle = busy_seconds();
  do {
    more += interrupt(section, g_noted[next_random(&g_state) % (uint32_t)g_noted_count], 1);
    ++passes;
  } while (busy_seconds() < middle + seconds);
  storm_say(
      "%-11s %6ld steps long, %5ld instructions of the library seen, a handler at %5ld of them; %7ld "
      "handlers in %ld more "
      "passes; %.1f s\n",
      section->name, g_length, g_noted_count, met, more, passes, busy_seconds() - began);
  // What one pass steps through comes back in each; what is noted beyond that are branches taken now and then.
  const long recurring = g_noted_count < g_length ? g_noted_count : g_length;
  if (met * 4 < recurring) storm_fail("section %s: most instructions were never met again", section->name);
}

static int find_text(struct dl_phdr_info* info, size_t size, void* inside) {
  (void)size;
  for (int i = 0; i < info->dlpi_phnum; ++i) {
    const ElfW(Phdr)* part = &info->dlpi_phdr[i];
    const uintptr_t start = info->dlpi_addr + part->p_vaddr;
    if (part->p_type != PT_LOAD || (part->p_flags & PF_X) == 0) continue;
    if ((uintptr_t)inside < start || (uintptr_t)inside >= start + part->p_memsz) continue;
    g_text = (unsigned char*)start;
    g_text_size = part->p_memsz;
    return 1;
  }
  return 0;
}

static void open_text(void) {
  if (dl_iterate_phdr(find_text, dlsym(RTLD_DEFAULT, "malloc")) == 0) storm_fail("malloc lies in no module");
  const uintptr_t first = (uintptr_t)g_text & ~(uintptr_t)4095;
  const size_t size = (size_t)((uintptr_t)g_text + g_text_size - first);
  if (mprotect((void*)first, size, PROT_READ | PROT_WRITE | PROT_EXEC) != 0)
    storm_fail("mprotect: errno %d", errno);
  g_is_noted = mmap(NULL, g_text_size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (g_is_noted == MAP_FAILED) storm_fail("no memory");
}

static void install(void) {
  static const int ends[] = {SIGSEGV, SIGBUS, SIGABRT, SIGALRM, SIGILL, SIGFPE};
  static char stack[65536];
  const stack_t other = {stack, 0, sizeof stack};
  struct sigaction action = {0};
  action.sa_sigaction = handler;
  action.sa_flags = SA_SIGINFO;
  sigaction(SIGTRAP, &action, NULL);
  sigaltstack(&other, NULL);
  for (unsigned i = 0; i < sizeof ends / sizeof *ends; ++i) {
    struct sigaction end = {0};
    end.sa_handler = fatal;
    end.sa_flags = SA_ONSTACK;
    sigaction(ends[i], &end, NULL);
  }
}

int main(int count, char** words) {
  const struct storm storm = storm_options(count, words);
  int known = 0;
  g_state = storm.seed;
  storm_where = tell_where;
  install();
  open_text();
  for (int i = 0; i < kSectionCount; ++i) {
    if (storm.what[0] != '\0' && strcmp(storm.what, kSections[i].name) != 0) continue;
    ++known;
    sweep(&kSections[i], storm.seconds);
  }
  if (known == 0) storm_fail("no section %s", storm.what);
  return 0;
}

// A server as the search for leaks meets one: event loops on epoll, a heap of linked records, clients that ask all the time,
// a request now and then that loses what it has allocated.
//   server LOOPS CLIENTS MEGABYTES SECONDS LEAK_EVERY [DEAF]
// DEAF threads more block all signals and wait.
// Says "ready", serves until its input ends or the time is up, then one line of figures. Every answer must be right: the
// client checks it.
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

struct record {
  struct record* next;
  struct record* other;
  uint64_t key;
  unsigned char body[];
};

struct table {
  size_t buckets;
  struct record** heads;
};

static struct table table;
static atomic_ulong interrupts, answers, wrong, slowest_us;
static atomic_int stop;
static unsigned leak_every;

static uint64_t now_us(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (uint64_t)now.tv_sec * 1000000u + (uint64_t)now.tv_nsec / 1000u;
}

static uint64_t mix(uint64_t x) {
  x ^= x >> 31;
  x *= 0x7fb5d329728ea185u;
  x ^= x >> 27;
  return x * 0x81dadef4bc2dd44du;
}

// Records of 48 to 304 bytes in chains, until they come to so many bytes.
static size_t fill(size_t bytes) {
  size_t count = 0;
  table.buckets = 1 << 18;
  table.heads = calloc(table.buckets, sizeof *table.heads);
  struct record* last = NULL;
  for (size_t filled = 0; filled < bytes; ++count) {
    const size_t size = 48 + mix(count) % 257;
    struct record* one = malloc(size);
    memset(one, 0, size);
    one->key = count;
    one->other = last;
    struct record** head = &table.heads[mix(count) % table.buckets];
    one->next = *head;
    *head = one;
    last = one;
    filled += size;
  }
  return count;
}

static uint64_t look_up(uint64_t key) {
  for (struct record* at = table.heads[mix(key) % table.buckets]; at != NULL; at = at->next) {
    if (at->key == key) return at->other == NULL ? 0 : at->other->key + 1;
  }
  return UINT64_MAX;
}

__attribute__((noinline)) static void lose_one(uint64_t key) {
  struct record* lost = malloc(200);
  struct record* tail = malloc(72);
  memset(lost, 0, 200);
  memset(tail, 0, 72);
  lost->key = key;
  lost->next = tail;
  __asm__ volatile("" : : "r"(lost), "r"(tail) : "memory");
}

struct loop {
  int epoll;
  uint64_t served;
};

static void* serve(void* argument) {
  struct loop* loop = argument;
  struct epoll_event events[16];
  while (!atomic_load(&stop)) {
    const int ready = epoll_wait(loop->epoll, events, 16, 100);
    if (ready < 0 && errno == EINTR) atomic_fetch_add(&interrupts, 1);
    for (int i = 0; i < ready; ++i) {
      uint64_t key;
      if (read(events[i].data.fd, &key, sizeof key) != sizeof key) continue;
      // The request lives in a block, as requests do, held by nothing but this function.
      uint64_t* request = malloc(64 + key % 512);
      request[0] = key;
      if (leak_every != 0 && ++loop->served % leak_every == 0) lose_one(key);
      const uint64_t answer = look_up(request[0]);
      free(request);
      if (write(events[i].data.fd, &answer, sizeof answer) != sizeof answer) atomic_fetch_add(&wrong, 1);
    }
  }
  return NULL;
}

struct client {
  int socket;
  size_t records;
};

static void* ask(void* argument) {
  struct client* client = argument;
  uint64_t random = (uint64_t)client->socket;
  while (!atomic_load(&stop)) {
    random = mix(random + 1);
    const uint64_t key = random % client->records;
    const uint64_t begin = now_us();
    uint64_t answer = 0;
    if (write(client->socket, &key, sizeof key) != sizeof key ||
        read(client->socket, &answer, sizeof answer) != sizeof answer || answer != key)
      atomic_fetch_add(&wrong, 1);
    atomic_fetch_add(&answers, 1);
    const uint64_t took = now_us() - begin;
    unsigned long before = atomic_load(&slowest_us);
    while (took > before && !atomic_compare_exchange_weak(&slowest_us, &before, took)) continue;
    usleep(200);
  }
  return NULL;
}

// Holds the only pointer to a block while no signal can reach it.
static void* be_deaf(void* unused) {
  sigset_t all;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, NULL);
  void* volatile held = malloc(5000);
  memset(held, 1, 5000);
  while (!atomic_load(&stop)) usleep(1000000);
  free(held);
  return unused;
}

int main(int argc, char** argv) {
  if (argc != 6 && argc != 7) return 2;
  const int loops = atoi(argv[1]);
  const int clients = atoi(argv[2]);
  const size_t records = fill((size_t)atol(argv[3]) << 20);
  const unsigned long seconds = strtoul(argv[4], NULL, 10);
  leak_every = (unsigned)atoi(argv[5]);
  static struct loop loop[64];
  static struct client client[256];
  pthread_t thread;
  for (int i = 0; i < loops; ++i) {
    loop[i].epoll = epoll_create1(0);
    if (pthread_create(&thread, NULL, serve, &loop[i]) != 0) return 3;
  }
  for (int i = 0; i < clients; ++i) {
    int pair[2];
    if (socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair) != 0) return 3;
    struct epoll_event event = {.events = EPOLLIN, .data = {.fd = pair[0]}};
    if (epoll_ctl(loop[i % loops].epoll, EPOLL_CTL_ADD, pair[0], &event) != 0) return 3;
    client[i] = (struct client){pair[1], records};
    if (pthread_create(&thread, NULL, ask, &client[i]) != 0) return 3;
  }
  for (int i = 0; argc == 7 && i < atoi(argv[6]); ++i) {
    if (pthread_create(&thread, NULL, be_deaf, NULL) != 0) return 3;
  }
  printf("ready %zu\n", records);
  fflush(stdout);
  const uint64_t end = now_us() + seconds * 1000000u;
  char byte;
  fcntl(0, F_SETFL, O_NONBLOCK);
  while (now_us() < end) {
    const uint64_t before = atomic_load(&answers);
    usleep(100000);
    printf("rate %lu slowest %lu\n", (unsigned long)((atomic_load(&answers) - before) * 10),
           atomic_exchange(&slowest_us, 0));
    fflush(stdout);
    if (read(0, &byte, 1) == 0 || (errno != EAGAIN && errno != EINTR)) break;
  }
  printf("answers %lu wrong %lu interrupts %lu\n", atomic_load(&answers), atomic_load(&wrong),
         atomic_load(&interrupts));
  return atomic_load(&wrong) == 0 ? 0 : 1;
}

// What a program may do that a question must not disturb: each way prints "ready", waits for input, and then says what
// it saw.
//   handler   it has a handler of its own for the signal, installed before anybody asks: says how often that ran
//   ignored   it was started with the signal ignored: says whether it still is
//   children  it waits for any child: says whether there was one
//   reads     it reads a whole line in one read(2): says what it got
//   forks     it forks without end, each child allocates: says whether all ended well
//   threads   threads with the smallest stack come and go
#include <errno.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { kSignal = 61 };

static volatile sig_atomic_t handled;
static atomic_bool stop;

static void on_signal(int number) { handled += number == kSignal; }

static void ready(void) {
  puts("ready");
  fflush(stdout);
}

static int wait_for_line(char* line, size_t size) {
  const ssize_t got = read(0, line, size - 1);
  line[got > 0 ? got : 0] = '\0';
  return got >= 0;
}

static int own_handler(void) {
  struct sigaction action = {.sa_handler = on_signal, .sa_flags = SA_RESTART};
  if (sigaction(kSignal, &action, NULL) != 0) return 1;
  ready();
  char line[16];
  wait_for_line(line, sizeof line);
  printf("handled %d\n", (int)handled);
  return 0;
}

static int ignored(void) {
  ready();
  char line[16];
  wait_for_line(line, sizeof line);
  struct sigaction action;
  sigaction(kSignal, NULL, &action);
  puts(action.sa_handler == SIG_IGN ? "ignored" : "changed");
  return 0;
}

static int children(void) {
  ready();
  char line[16];
  wait_for_line(line, sizeof line);
  int status;
  const pid_t child = waitpid(-1, &status, __WALL);
  puts(child == -1 && errno == ECHILD ? "none" : "a child");
  return 0;
}

static int reads(void) {
  ready();
  char line[16];
  if (!wait_for_line(line, sizeof line)) return printf("cut short: %s\n", strerror(errno)), 0;
  printf("got %s", line);
  return 0;
}

static void* until_input(void* unused) {
  char line[16];
  wait_for_line(line, sizeof line);
  atomic_store(&stop, 1);
  return unused;
}

static int forks(void) {
  pthread_t waiter;
  pthread_create(&waiter, NULL, until_input, NULL);
  ready();
  int bad = 0;
  while (!atomic_load(&stop)) {
    const pid_t child = fork();
    if (child == 0) {
      for (int i = 0; i < 100; ++i) free(malloc((size_t)i * 1000 + 1));
      _exit(7);
    }
    int status = 0;
    if (child < 0 || waitpid(child, &status, 0) != child || !WIFEXITED(status) || WEXITSTATUS(status) != 7)
      ++bad;
  }
  pthread_join(waiter, NULL);
  printf("%d bad\n", bad);
  return 0;
}

static void* allocate_a_little(void* unused) {
  for (int i = 0; i < 100; ++i) free(malloc(100));
  return unused;
}

static int threads(void) {
  pthread_t waiter;
  pthread_create(&waiter, NULL, until_input, NULL);
  ready();
  pthread_attr_t small;
  pthread_attr_init(&small);
  pthread_attr_setstacksize(&small, PTHREAD_STACK_MIN);
  int bad = 0;
  while (!atomic_load(&stop)) {
    pthread_t one;
    if (pthread_create(&one, &small, allocate_a_little, NULL) != 0 || pthread_join(one, NULL) != 0) ++bad;
  }
  pthread_join(waiter, NULL);
  printf("%d bad\n", bad);
  return 0;
}

int main(int argc, char** argv) {
  static const struct {
    const char* name;
    int (*run)(void);
  } kWays[] = {{"handler", own_handler}, {"ignored", ignored}, {"children", children},
               {"reads", reads},         {"forks", forks},     {"threads", threads}};
  for (size_t i = 0; argc == 2 && i < sizeof kWays / sizeof kWays[0]; ++i) {
    if (strcmp(argv[1], kWays[i].name) == 0) return kWays[i].run();
  }
  return 2;
}

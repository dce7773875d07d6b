/* The heap at the edges of a process's life. Usage: life WHAT
   lifetime  allocates before all constructors, in them, in destructors, exit handlers and after them
   children  vfork, posix_spawn, system and fork with exec, with a heap in use
   where     prints "loam" or "other": whose block is a malloc(48)? */
#include <loam/loam.h>
#include <spawn.h>
#include <sys/wait.h>

#include "../support/storm.h"

extern char** environ;

static void *g_first, *g_second;
static int g_checking;

static int served_by_loam(const void* block) {
  loam_block found;
  return loam_find != NULL && loam_find(block, &found) == LOAM_LIVE;
}

static void* checked(size_t size) {
  void* block = painted(size);
  if (g_checking && !served_by_loam(block)) storm_fail("a block of %zu bytes is not loam's", size);
  return block;
}

/* Runs before the constructors of all libraries. */
static void before_everything(int count, char** words, char** environment) {
  (void)environment;
  g_checking = count == 2 && strcmp(words[1], "lifetime") == 0;
  g_first = checked(1000);
  inspect_and_free(checked(5000000));
}
__attribute__((section(".preinit_array"), used)) static void (*g_before)(int, char**,
                                                                         char**) = before_everything;

__attribute__((constructor(101))) static void constructed(void) {
  g_second = repainted(g_first, 70000);
  for (size_t size = 16; size < 3000000; size *= 3) inspect_and_free(checked(size));
}

/* After main's atexit handlers and every destructor of this program; the libraries' own follow. */
__attribute__((destructor(101))) static void destroyed(void) {
  inspect_and_free(g_second);
  for (size_t size = 16; size < 3000000; size *= 3) inspect_and_free(checked(size));
  if (g_checking) storm_say("after the destructors\n");
}

static void at_exit(void) {
  g_second = repainted(g_second, 300);
  inspect_and_free(checked(100000));
}

static void expect_zero(const char* how, int status) {
  if (status != 0) storm_fail("%s: status %#x", how, status);
}

static void wait_for(const char* how, pid_t pid) {
  int status = 0;
  if (pid < 0 || waitpid(pid, &status, 0) != pid) storm_fail("%s: errno %d", how, errno);
  expect_zero(how, status);
}

static void children(void) {
  static char* words[] = {"sh", "-c", "x=$(echo a b c); [ \"$x\" = 'a b c' ]", NULL};
  static uint32_t state = 7; /* static: vfork may clobber locals */
  void* held[100];
  for (int i = 0; i < 100; ++i) held[i] = painted(random_size(&state));
  for (int round = 0; round < 25; ++round) {
    const pid_t child = vfork();
    if (child == 0) {
      execve("/bin/sh", words, environ);
      _exit(127);
    }
    wait_for("vfork", child);
    pid_t spawned = -1;
    if (posix_spawn(&spawned, "/bin/sh", NULL, NULL, words, environ) != 0) storm_fail("posix_spawn failed");
    wait_for("posix_spawn", spawned);
    if (round % 5 == 0) expect_zero("system", system("true"));
    const pid_t forked = fork();
    if (forked == 0) {
      inspect_and_free(held[round]);
      execve("/bin/sh", words, environ);
      _exit(127);
    }
    wait_for("fork", forked);
    inspect_and_free(held[round]);
    held[round] = painted(random_size(&state));
  }
  for (int i = 0; i < 100; ++i) inspect_and_free(held[i]);
}

int main(int count, char** words) {
  const char* what = count == 2 ? words[1] : "";
  if (strcmp(what, "where") == 0) {
    void* block = painted(48);
    storm_say(served_by_loam(block) ? "loam\n" : "other\n");
    return 0;
  }
  if (strcmp(what, "children") == 0) {
    require_loam();
    children();
    return 0;
  }
  if (strcmp(what, "lifetime") != 0) return 2;
  atexit(at_exit);
  return 0;
}

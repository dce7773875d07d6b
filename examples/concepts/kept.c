/* What the kernel knows of blocks: nothing but the pages that were written to, and whose they are. It takes all of them back at the
   end, freed or not.
   gcc -g kept.c -o kept */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

enum { kBlocks = 1024, kBytes = 65536, kMiB = 1 << 20 };

/* Counted page by page: the number in statm may lag behind. */
static long resident(void) {
  char line[128];
  long kib = -1;
  FILE* file = fopen("/proc/self/smaps_rollup", "r");
  while (file != NULL && kib < 0 && fgets(line, sizeof line, file) != NULL) sscanf(line, "Rss: %ld kB", &kib);
  if (file != NULL) fclose(file);
  return kib * 1024;
}

/* What the kernel still has of a process that has ended. */
static long left_of(pid_t pid) {
  char path[32];
  long pages = -1;
  snprintf(path, sizeof path, "/proc/%d/statm", (int)pid);
  FILE* file = fopen(path, "r");
  if (file == NULL || fscanf(file, "%*d %ld", &pages) != 1) return -1;
  fclose(file);
  return pages * sysconf(_SC_PAGESIZE);
}

static void say(const char* what, long before) {
  long more = resident() - before;
  printf("%-36s %3ld MiB resident\n", what, (more + kMiB / 2) / kMiB);
}

static void use_memory(void) {
  static char* blocks[kBlocks];
  long before = resident();
  for (int i = 0; i < kBlocks; ++i) blocks[i] = malloc(kBytes);
  say("1,024 blocks of 64 KiB", before);
  for (int i = 0; i < kBlocks; ++i) memset(blocks[i], 1, kBytes);
  say("written to", before);
  for (int i = 0; i < kBlocks; ++i) free(blocks[i]);
  say("all of them freed", before);
  for (int i = 0; i < kBlocks; ++i) memset(malloc(kBytes), 1, kBytes);
  say("as many again, which nobody frees", before);
}

int main(void) {
  prctl(PR_SET_THP_DISABLE, 1, 0, 0, 0); /* else one byte may bring 2 MiB */
  pid_t child = fork();
  if (child == 0) {
    use_memory();
    fflush(stdout);
    _exit(0);
  }
  siginfo_t ended;
  waitid(P_PID, child, &ended, WEXITED | WNOWAIT); /* ended, but still known to the kernel */
  printf("%-36s %3ld MiB resident\n", "after its end", left_of(child) / kMiB);
  waitpid(child, NULL, 0);
  return 0;
}

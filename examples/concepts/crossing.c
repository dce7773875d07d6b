/* The same blocks from the kernel, one call each, and from a malloc, which asks it once for many.
   gcc -g crossing.c -o crossing */
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <time.h>

enum { kBlocks = 20000, kBytes = 4096 };

static void* from_kernel(void) {
  return mmap(NULL, kBytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
}

static void* from_malloc(void) { return malloc(kBytes); }

static void to_kernel(void* block) { munmap(block, kBytes); }

static double seconds(void) {
  struct timespec now;
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
  return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

static void measure(const char* name, void* (*get)(void), void (*give)(void*)) {
  struct rusage before, after;
  getrusage(RUSAGE_SELF, &before);
  double start = seconds();
  for (int i = 0; i < kBlocks; ++i) {
    char* block = get();
    block[0] = 1;
    give(block);
  }
  double took = seconds() - start;
  getrusage(RUSAGE_SELF, &after);
  long faults = after.ru_minflt - before.ru_minflt;
  printf("%-16s %3ld page faults for 100 blocks, %.0f ns each\n", name, faults * 100 / kBlocks,
         took / kBlocks * 1e9);
}

int main(void) {
  measure("mmap and munmap", from_kernel, to_kernel);
  measure("malloc and free", from_malloc, free);
  return 0;
}

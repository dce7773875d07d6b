/* A burst of requests, then quiet work in which some small things are made to stay. First fit lays them at the low end; next fit goes
   on from where it was last, and so all over what the burst has left.
   gcc -g spread.c -o spread */
#include <stdlib.h>

#include "chance.h"

enum { kBurst = 2000, kSteps = 2000, kWork = 4000, kKept = 48 };

int main(void) {
  static void* burst[kBurst];
  static void* kept[kSteps];
  for (int i = 0; i < kBurst; ++i) burst[i] = malloc(500 + chance(1500));
  for (int i = 0; i < kBurst - 1; ++i)
    free(burst[i]); /* the last one holds the end of the heap where it is */
  for (int i = 0; i < kSteps; ++i) {
    void* work = malloc(kWork + chance(kWork));
    kept[i] = malloc(kKept);
    free(work);
  }
  return 0;
}

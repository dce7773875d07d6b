/* lost: 6 */
#include "../check/tiny.h"

/* More values live across a call than there are registers: some are spilled, others stay in registers that calls keep. */
__attribute__((noinline)) static long mix(long a, long b) { return a * 31 + (b ^ sink); }

__attribute__((noinline)) static long work(int defect) {
  char* blocks[6];
  long sums[6];
  for (int i = 0; i < 6; ++i) {
    blocks[i] = malloc(36); /* @allocation */
    blocks[i][0] = (char)i;
  }
  char *a = blocks[0], *b = blocks[1], *c = blocks[2], *d = blocks[3], *e = blocks[4], *f = blocks[5];
  for (int i = 0; i < 6; ++i) sums[i] = mix(a[0] + i, b[0]) + mix(c[0], d[0] + i) + mix(e[0], f[0]);
  if (!defect) free(a), free(b), free(c), free(d), free(e), free(f);
  return sums[0] + sums[5];
}

int main(int count, char** words) {
  sink = (int)work(has_defect(count, words));
  return 0;
}

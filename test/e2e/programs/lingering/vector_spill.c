/* lost: 2 */
#include "../check/tiny.h"

#include <emmintrin.h>

/* Two pointers move together in a vector register, which a call makes the compiler spill. */
static __m128i pair;

__attribute__((noinline)) static void rest(void) { sink = 2; }

__attribute__((noinline)) static void work(int defect) {
  void* blocks[2] = {malloc(33), malloc(44)}; /* @allocation */
  __m128i both = _mm_loadu_si128((const __m128i*)hidden(blocks));
  rest();
  __m128i turned = _mm_shuffle_epi32(both, 0x4e);
  rest();
  pair = _mm_sub_epi64(turned, both);
  if (!defect) {
    free(blocks[0]);
    free(blocks[1]);
  }
}

int main(int count, char** words) {
  work(has_defect(count, words));
  return 0;
}

// A malloc that hands out the same block again and again for one size, for the test of whoever must notice.
#include <stddef.h>
#include <stdint.h>
#include <string.h>

enum { kBytes = 64 << 20, kTwice = 777 };
static _Alignas(64) unsigned char memory[kBytes];
static size_t used = 1024;

void* malloc(size_t size) {
  if (size == kTwice) return memory;
  size_t rounded = (size + 79) / 64 * 64;
  if (used + rounded > kBytes) return NULL;
  unsigned char* block = memory + used + 64;
  memcpy(block - sizeof size, &size, sizeof size);
  used += rounded + 64;
  return block;
}
void free(void* block) { (void)block; }
void* calloc(size_t count, size_t size) { return malloc(count * size); }
void* realloc(void* block, size_t size) {
  void* fresh = malloc(size);
  if (block == NULL || block == memory || fresh == NULL) return fresh;
  size_t old = 0;
  memcpy(&old, (unsigned char*)block - sizeof old, sizeof old);
  return memcpy(fresh, block, old < size ? old : size);
}
int posix_memalign(void** block, size_t alignment, size_t size) {
  unsigned char* made = malloc(size + alignment);
  if (made == NULL) return 12;
  *block = (void*)(((uintptr_t)made + alignment - 1) & ~(alignment - 1));
  return 0;
}

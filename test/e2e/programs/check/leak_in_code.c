/* expect: leak */
#include <stdint.h>
#include <sys/mman.h>

#include "tiny.h"

/* Code made at run time may be the only place that knows a block: as part of an instruction, at no multiple of anything. */
static unsigned char* volatile code;

static void work(int defect) {
  char* block = malloc(128); /* @allocation */
  block[0] = 1;
  uintptr_t address = (uintptr_t)block;
  code[0] = 0x90; /* nop */
  code[1] = 0x48; /* movabs $address, %rax */
  code[2] = 0xb8;
  if (defect) address = 0;
  memcpy(code + 3, &address, sizeof address);
  mprotect(code, 4096, PROT_READ | PROT_EXEC);
}

int main(int count, char** words) {
  void* page = mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (page == MAP_FAILED) return 3;
  code = page;
  work(has_defect(count, words));
  scrub();
  return 0;
}

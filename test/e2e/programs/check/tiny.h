/* What the tiny programs share. Each has one defect, made only if it is started with the word "defect". Its first line says
   what must be found; the marks @access, @allocation and @free stand on the lines that the stacks must name. */
#pragma once

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static inline int has_defect(int count, char** words) { return count > 1 && strcmp(words[1], "defect") == 0; }

/* Hides a value from the compiler, which would warn of the defect, or remove it. */
static inline void* hidden(void* pointer) {
  __asm__ volatile("" : "+r"(pointer) : : "memory");
  return pointer;
}

static volatile int sink;

/* Writes over what calls before have left on the stack. */
__attribute__((noinline)) static void scrub(void) {
  volatile char room[4096];
  for (unsigned i = 0; i < sizeof room; ++i) room[i] = 0;
  sink = room[5];
}

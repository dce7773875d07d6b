/* dangling CASE TURNS: one use of a pointer into a block that has been freed, among blocks like it. The block is the last of
   TURNS that its line allocates; the line has the mark "@block CASE". With TURNS 1 it is the first of its site, and stands
   alone; of more it is a block among others. */
#pragma once

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct item {
  struct item* next;
  char* name;
  int (*call)(int);
  int number;
  int* numbers;
  char text[24];
};

struct use {
  const char* name;
  void (*work)(void);
};

static int turns;
static volatile long sink;

/* Hides from the compiler that the block has been freed. */
static inline void* hidden(void* pointer) {
  __asm__ volatile("" : "+r"(pointer) : : "memory");
  return pointer;
}

enum { kMost = 64 };
static void* others[kMost];
static int many;

/* Of the blocks that are not the one in question every other one lives on, the rest is freed. */
static inline void forget(void* last) {
  for (int i = 0; i < many; ++i) {
    if (others[i] == last || i % 2 == 0) continue;
    free(others[i]);
    others[i] = NULL;
  }
}

static inline void* keep(void* block) {
  others[many++] = block;
  return block;
}

static inline void* like(size_t size) {
  void* block = malloc(size); /* never the block in question */
  memset(block, 1, size);
  return block;
}

/* Blocks of the same size from elsewhere, before and behind. */
static inline void surround(size_t size) {
  for (int i = 0; i < 3; ++i) keep(like(size));
}

static inline int twice(int number) { return 2 * number; }

/* All that is on the page of the block is freed, and more allocated, so that no one else lives there. */
static inline void let_page_die(size_t size, void* last) {
  for (int i = 0; i < many; ++i) {
    if (others[i] != last) free(others[i]);
    others[i] = NULL;
  }
  for (int i = 0; i < 200; ++i) free(like(size));
}

static int run(const struct use* uses, size_t count, int words, char** word) {
  if (words < 3) return 2;
  turns = atoi(word[2]);
  for (size_t i = 0; i < count; ++i) {
    if (strcmp(uses[i].name, word[1]) != 0) continue;
    uses[i].work();
    return 0;
  }
  return 2;
}

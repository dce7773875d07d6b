/* A library to be preloaded into programs that nobody here wrote: a leak and a double free that must be found there. */
#include <stdlib.h>
#include <string.h>

const char* loam_version(void) __attribute__((weak));

static void* volatile place;

__attribute__((noinline)) static void planted_leak(void) {
  place = malloc(1234);
  memset(place, 1, 1234);
  place = NULL;
}

__attribute__((noinline)) static void planted_double_free(void) {
  place = malloc(77);
  free(place);
  free(place);
  place = NULL;
}

__attribute__((constructor)) static void plant(void) {
  if (loam_version == NULL) return; /* the tool on its way to the program */
  planted_leak();
  planted_double_free();
}

// The same numbers on every machine, so that a recording of a program is the same too.
#pragma once

static unsigned chance(unsigned below) {
  static unsigned long long state = 1;
  state = state * 6364136223846793005ULL + 1442695040888963407ULL;
  return (unsigned)(state >> 33) % below;
}

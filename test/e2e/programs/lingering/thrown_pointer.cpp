// lost: 1
extern "C" {
#include "../check/tiny.h"
}

// The exception is a pointer, and its handler forgets it.
struct Problem {
  int number;
  char text[40];
};

static void work(int number) {
  if (number > 0) throw new Problem{number, "problem"};  // @allocation
}

int main(int count, char** words) {
  try {
    work(count);
  } catch (Problem* problem) {
    sink = problem->number;
    if (!has_defect(count, words)) delete problem;
  }
  return 0;
}

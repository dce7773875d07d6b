/* Large buffers come and go, and each time a small note is written that lives for a while. Worst fit lays the note into the largest
   hole, which is the one that the next buffer would have needed.
   gcc -g ruin.c -o ruin */
#include <stdlib.h>

#include "chance.h"

enum { kBuffers = 24, kNotes = 400, kRounds = 3000, kBuffer = 100000, kNote = 100 };

int main(void) {
  static void* buffers[kBuffers];
  static void* notes[kNotes];
  for (int i = 0; i < kNotes; ++i) notes[i] = malloc(kNote);
  for (int i = 0; i < kBuffers; ++i) buffers[i] = malloc(kBuffer);
  for (int i = 0; i < kRounds; ++i) {
    unsigned which = chance(kBuffers);
    free(buffers[which]);
    free(notes[i % kNotes]);
    notes[i % kNotes] = malloc(kNote);
    buffers[which] = malloc(kBuffer);
  }
  return 0;
}

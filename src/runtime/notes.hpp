// What the program says of blocks of its own, for the report on those that are lost (loam_note).
// Owns nothing: notes lie in the metadata arena, for ever. Invariant: a note in the list is whole.
// Locking: none; a note is pushed by one atomic step.
#pragma once

#include <cstdint>

#include "format/leaks.hpp"

namespace loam::runtime {

struct Note {
  const Note* older;
  format::LeakNote what;
};

// Any thread, any number of times; beyond kMostNotes, or without memory, it is dropped.
constexpr uint32_t kMostNotes = 8192;
void note(const void* block, const char* text);

// The newest one; null: there is none.
const Note* newest_note();
uint32_t note_count();

}  // namespace loam::runtime

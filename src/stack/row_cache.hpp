// The rows of the return addresses met so far: made one by one when first met, so that a library costs nothing but for the calls
// that stacks lead through.
// Owns a table of fixed size for the whole process, in metadata memory; a new row may take an old one's place.
// Locking: none, any thread, async-signal-safe. Key and row are two words, the key stored mixed with the row: a reader who sees
// halves of two rows sees a key that fits neither. A row of an older module generation is not found.
#pragma once

#include <cstdint>

#include "stack/row.hpp"

namespace loam::stack {

// Makes the table. Returns false if there is no memory: every row is then made anew. Any number of times.
bool prepare_rows();

// The row for a return address (that of the call before it).
Row row_at(uint64_t return_address);

// How many rows were made so far.
uint64_t rows_made();

}  // namespace loam::stack

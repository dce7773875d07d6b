// What a report is made from: the events of a heap in the order of their time, which can be read twice, with what is known
// besides. A recording is one source; tests have others.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "tool/model/block_shape.hpp"
#include "tool/model/symbols.hpp"

namespace loam::tool {

struct HeapEvent {
  enum class Kind : std::uint8_t { kAllocate, kFree, kResize };
  Kind kind = Kind::kAllocate;
  std::uint32_t thread = 0;
  std::uint32_t stack = 0;  // of whoever allocated or resized
  std::uint64_t time = 0;   // nanoseconds since the start
  std::uint64_t address = 0;
  std::uint64_t size = 0;
  std::uint64_t old_address = 0;  // of a resize: the block as it was before
  bool is_half = false;           // a free or an allocation that is one of the two halves of a resize
  std::uint8_t alignment_log = 4;
};

// The process as the kernel saw it at one moment.
struct ProcessSample {
  std::uint64_t time = 0;
  std::uint64_t resident = 0;   // bytes
  std::uint64_t mapped = 0;     // bytes; 0 if not known
  std::uint64_t crossings = 0;  // system calls and faults since the start
};

// What the head of a recording tells.
struct RecordingFacts {
  std::string name;  // of the file
  std::vector<std::string> program;
  std::uint64_t pid = 0;
  std::uint64_t started = 0;   // seconds since 1970; 0 if not known
  std::uint64_t duration = 0;  // nanoseconds; 0 if not known
  std::uint64_t lost = 0;      // events
  std::string machine;
  std::string ending;                // "exit status 0"
  std::vector<std::string> remarks;  // what a reader must know: cut, damaged
  bool is_damaged = false;           // read in part; a remark tells why
  bool has_stacks = false;
  bool has_crossings = false;
};

// Where a program or library was mapped.
struct ModuleMapping {
  SourceModule source;
  std::uint64_t start = 0;
  std::uint64_t end = 0;
};

class HeapEvents {
 public:
  HeapEvents() = default;
  HeapEvents(const HeapEvents&) = delete;
  HeapEvents& operator=(const HeapEvents&) = delete;
  virtual ~HeapEvents() = default;

  virtual bool next(HeapEvent& event) = 0;
  virtual void rewind() = 0;
  // Complete once the events have been read to their end.
  virtual RecordingFacts facts() const = 0;
  virtual std::vector<ProcessSample> samples() const = 0;
  // Innermost first; at least one.
  virtual std::vector<SourceFrame> frames(std::uint32_t stack) = 0;
  // Known before the first event.
  virtual BlockLayout layout() const { return BlockLayout::kUnknown; }
  // Where the modules lie whose addresses frames have, as far as it is known.
  virtual std::vector<ModuleMapping> mappings() const { return {}; }
  // In which the frames lie, as far as known.
  virtual std::vector<SourceModule> modules() const { return {}; }
  // Where else the files of modules may be: paths with commas between, as Symbols. Without effect where the file itself has the names.
  virtual void look_in_all(const std::string& paths) { (void)paths; }
};

// Of another tool's file: adds the remarks on where its reading ended (`damage`, empty if at its end) and on lines that were left out.
void tell_what_is_missing(RecordingFacts& facts, const std::string& damage, std::uint64_t skipped_lines);

// What loam record, heaptrack or mtrace() wrote. Throws Failure if the file is none of these, or cannot be read.
std::unique_ptr<HeapEvents> open_events(const std::string& path);

}  // namespace loam::tool

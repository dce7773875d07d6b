// What a search for leaks has found, read from the stream that format/leaks.hpp describes, and sorted into groups: blocks of one
// size whose beginnings look alike, or that one stack has allocated.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "format/leaks.hpp"
#include "tool/model/call_stacks.hpp"
#include "tool/model/control_client.hpp"
#include "tool/model/suppressions.hpp"

namespace loam::tool {

// What lies where in the process, for words that point into its modules.
class ModuleMap {
 public:
  // From the text of /proc/PID/maps.
  static ModuleMap of_text(const std::string& text);
  // Of a process that runs; empty if its mappings cannot be read.
  static ModuleMap of_process(std::uint64_t pid);
  // "libfoo.so+0x3d20" if the address lies in a mapped file, else empty.
  std::string name(std::uint64_t address) const;
  bool is_mapped(std::uint64_t address) const;
  // What kind of memory it is, for people: "data of libfoo.so+0x3d20", "the main stack".
  std::string place(std::uint64_t address) const;

 private:
  struct Entry {
    std::uint64_t end;
    std::string file;    // without its folder; empty for anonymous memory
    std::uint64_t base;  // address of the file's first byte
    bool main_stack;
  };
  std::map<std::uint64_t, Entry> entries_;  // by start
};

// Blocks of a group that the stack has allocated.
struct LeakOrigin {
  std::uint32_t stack = 0;
  std::uint64_t blocks = 0;
};

struct LeakGroup {
  std::string key;  // the same in every look at the process
  bool dead_slot = false;
  bool certain = true;  // else registers that nobody could see may hold as many blocks as there are
  std::vector<LeakOrigin>
      origins;  // most blocks first; of a sample of the blocks unless the report says every_block
  std::uint64_t block_bytes = 0;
  std::string shape;  // of the first words: "libfoo.so+0x3d20, pointer, 0, number"
  std::string text;   // what can be read of the first words of one block
  std::uint64_t blocks = 0;
  std::uint64_t bytes = 0;
  std::uint64_t resident = 0;
  std::uint64_t indirect_blocks = 0;
  std::uint64_t indirect_bytes = 0;
  std::uint64_t indirect_resident = 0;
  std::vector<std::uint64_t> examples;        // indices of records
  std::uint64_t hanging = ~std::uint64_t{0};  // index of the largest one that hangs on them, if any does
  // Since the look before, if there was one.
  bool known_before = false;
  std::uint64_t blocks_before = 0;
  std::uint64_t bytes_before = 0;
  unsigned looks_grown = 0;  // in so many looks in a row
};

// Blocks of a size class that are reachable, and what there were at the look before.
struct ReachableClass {
  std::uint64_t block_bytes = 0;
  std::uint64_t blocks = 0;
  std::uint64_t bytes = 0;
  std::uint64_t blocks_before = 0;
  unsigned looks_grown = 0;
};

// The same by the stack that allocated them.
struct ReachableSite {
  std::uint32_t stack = 0;
  std::uint64_t blocks = 0;
  std::uint64_t bytes = 0;
  std::uint64_t blocks_before = 0;
  std::uint64_t bytes_first = 0;  // when it began to grow
  unsigned looks_grown = 0;

  std::uint64_t grown() const { return bytes > bytes_first ? bytes - bytes_first : 0; }
};

struct LeakReport {
  std::uint64_t pid = 0;
  format::LeakHeader header{};
  format::LeakTrailer trailer{};
  std::vector<ReachableClass> classes;
  std::vector<ReachableSite> sites;  // what grew most first
  CallStacks stacks;
  std::vector<std::string> silent;  // threads that did not stop: "4711 (name)"
  std::vector<format::LeakRecord> records;
  std::map<std::uint64_t, std::string> notes;  // what the program says of blocks, by an address in them
  std::vector<LeakGroup> groups;               // biggest first, with what hangs on them
  bool has_before = false;
  double seconds_since = 0;      // since the look before; 0: not known
  std::uint64_t suppressed = 0;  // groups and places that were not to be reported

  std::uint64_t definite_blocks() const;
  std::uint64_t definite_bytes() const;
  // From a record to the head of what it belongs to, a few at most; as text "0x7f.. (48 bytes) <- 0x7f.. (64 bytes)".
  std::vector<std::uint64_t> links(std::uint64_t record) const;
  std::string chain(std::uint64_t record) const;
};

// What processes left in a folder when they ended, one report each: the answer that `loam leaks` would have got, with its
// head. Those that could not search are named in `failed`.
std::vector<LeakReport> read_leaks_folder(const std::string& folder, std::vector<std::string>& failed);

// Throws Failure when the stream is cut short or makes no sense.
LeakReport read_leaks(std::uint64_t pid, const std::vector<char>& payload, const ModuleMap& modules);

// Asks a running process. Throws Failure with the reason when it cannot be searched.
LeakReport look_for_leaks(std::uint64_t pid);
// The bare answer to a question that needs a copy of the process.
std::vector<char> ask_for_leaks(std::uint64_t pid, const Question& question);

// Takes out the groups of which every stack that is known is suppressed as a leak, and places that are as growth. After compare_leaks().
void suppress_leaks(LeakReport& report, const Suppressions& suppressions, Symbols& symbols);

// What is kept of a look for the next one, as JSON; and the comparison with it. `now` in seconds, of any clock that goes on.
std::string remember_leaks(const LeakReport& report, double now);
void compare_leaks(LeakReport& report, const std::string& before, double now);

}  // namespace loam::tool

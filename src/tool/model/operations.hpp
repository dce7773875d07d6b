// What a program did to its heap, as replay takes it: a stream of operations on numbered blocks, in pieces, so that a recording
// larger than memory passes through. A block's number is used again when the block is free.
#pragma once

#include <cstdint>
#include <cstdio>
#include <memory>
#include <string>
#include <vector>

#include "tool/model/live_blocks.hpp"
#include "tool/model/symbols.hpp"

namespace loam::tool {

enum class OperationKind : std::uint8_t { kAllocate, kRelease, kResize };

struct Operation {
  std::uint64_t size;   // asked for; of a release: unused
  std::uint32_t block;  // its number
  OperationKind kind;
  std::uint8_t log_alignment;
};

// Where an operation came from: for who asks, since most readers do without.
struct OperationOrigin {
  std::uint64_t time_us;
  std::uint32_t thread;
  std::uint32_t stack;  // of an allocation or a resize; 0: not known
};

class OperationSource {
 public:
  virtual ~OperationSource() = default;
  // From now on origins() tells that of each operation of the last piece; empty where the file does not know any.
  void keep_origins() { keeps_origins_ = true; }
  const std::vector<OperationOrigin>& origins() const { return origins_; }
  // Fills in the next piece; empty at the end. Throws Failure when the file cannot be read on.
  virtual void next(std::vector<Operation>& piece) = 0;
  // Events that make no sense: frees of what was never allocated, lines that are none.
  virtual std::uint64_t skipped() const = 0;
  // What a reader must know, at the end: that the file is damaged. Empty: nothing.
  virtual std::string remark() const { return {}; }
  // Whether a part of the file could not be read.
  virtual bool is_damaged() const { return !remark().empty(); }
  // Of an origin's stack, innermost first; complete once the operations have been read to their end. Empty: not known.
  virtual std::vector<SourceFrame> frames(std::uint32_t) { return {}; }

 protected:
  bool keeps_origins_ = false;
  std::vector<OperationOrigin> origins_;
};

// Numbers for blocks named by their addresses.
class BlockNumbers {
 public:
  std::uint32_t add(std::uint64_t address);
  // False if no such block is known.
  bool take(std::uint64_t address, std::uint32_t& number) { return numbers_.take(address, number); }
  // Of an address that a call some dozen calls ahead will name.
  void prefetch(std::uint64_t address) const { numbers_.prefetch(address); }
  void give(std::uint32_t number) { unused_.push_back(number); }
  void name(std::uint64_t address, std::uint32_t number) {
    bool is_new = false;
    numbers_.at(address, is_new) = number;
  }

 private:
  LiveBlocks<std::uint32_t> numbers_;
  std::vector<std::uint32_t> unused_;
  std::uint32_t next_ = 0;
};

// The text that mtrace() of the C library writes.
std::unique_ptr<OperationSource> open_mtrace(const std::string& path);
// What heaptrack wrote.
std::unique_ptr<OperationSource> open_heaptrack(const std::string& path);
// A recording of loam record, or what heaptrack or mtrace() wrote. Throws Failure if it is none of these.
std::unique_ptr<OperationSource> open_operations(const std::string& path);

}  // namespace loam::tool

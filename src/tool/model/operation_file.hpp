// A recording's operations as a file for loam-executor (format/operations.hpp), made once and read by each of its runs. The file has no
// name: it is gone with its last descriptor.
// Not for sharing between threads. Throws Failure when there is no room. Memory: 16 bytes a live block, and a chunk a thread.
#pragma once

#include <cstdint>
#include <span>
#include <unordered_map>
#include <vector>

#include "format/operations.hpp"
#include "tool/model/operations.hpp"

namespace loam::tool {

class OperationFile {
 public:
  struct Options {
    bool threads = false;  // a thread of its own for each recorded one; else all in one
    bool times = false;    // with the recorded times
  };
  static constexpr std::uint32_t kMostThreads = 256;  // further ones share them

  explicit OperationFile(Options options);
  ~OperationFile();
  OperationFile(const OperationFile&) = delete;
  OperationFile& operator=(const OperationFile&) = delete;

  // `origins` is empty, or has one for each operation.
  void add(std::span<const Operation> operations, std::span<const OperationOrigin> origins);
  void finish();

  int descriptor() const { return descriptor_; }
  std::uint64_t operations() const { return head_.operations; }
  std::uint32_t threads() const { return head_.threads; }

 private:
  struct Block {
    std::uint32_t number = 0;  // in the file
    std::uint32_t thread = 0;  // of the last one
  };
  struct Thread {
    std::vector<format::OperationWord> words;
    std::vector<std::uint32_t> unused;  // numbers of blocks that it has freed
    std::uint64_t time_us = 0;
  };

  std::uint32_t thread_of(std::uint32_t recorded);
  void add_one(const Operation& operation, const OperationOrigin& origin);
  std::uint32_t number_for(Thread& thread);
  void put(Thread& thread, std::uint32_t number, format::OperationCode code, std::uint64_t value);
  void flush(std::uint32_t thread);
  void write(const void* data, std::size_t bytes, std::uint64_t offset);

  Options options_;
  int descriptor_ = -1;
  std::uint64_t end_ = sizeof(format::OperationHead);
  format::OperationHead head_{};
  std::vector<format::OperationChunk> table_;
  std::vector<Thread> threads_;
  std::unordered_map<std::uint32_t, std::uint32_t> thread_numbers_;
  std::vector<Block> blocks_;         // by the number of the source
  std::vector<std::uint32_t> turns_;  // by number in the file: where a number is used again the count goes on
};

}  // namespace loam::tool

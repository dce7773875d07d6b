#include "tool/model/operation_file.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <filesystem>

#include "tool/model/failure.hpp"
#include "tool/model/files.hpp"

namespace loam::tool {
namespace {

using format::OperationCode;

constexpr std::uint64_t kTimeStepUs = 1000;  // waiting for less would be noise

int make_unnamed_file() {
  std::error_code error;
  const std::filesystem::path folder = std::filesystem::temp_directory_path(error);
  std::string name = ((error ? "/tmp" : folder.string()) + "/loam-operations-XXXXXX");
  const int descriptor = mkstemp(name.data());
  if (descriptor < 0)
    throw Failure(kExitFailure, fmt::format("cannot make a file like {}: {}", name, error_text(errno)));
  unlink(name.c_str());
  return descriptor;
}

}  // namespace

OperationFile::OperationFile(Options options) : options_(options), descriptor_(make_unnamed_file()) {
  head_.magic = format::kOperationsMagic;
  if (!options_.threads) threads_.resize(1);
}

OperationFile::~OperationFile() { close(descriptor_); }

std::uint32_t OperationFile::thread_of(std::uint32_t recorded) {
  if (!options_.threads) return 0;
  const auto next = static_cast<std::uint32_t>(thread_numbers_.size()) % kMostThreads;
  const auto [known, is_new] = thread_numbers_.try_emplace(recorded, next);
  if (is_new && next == threads_.size()) threads_.emplace_back();
  return known->second;
}

void OperationFile::add(std::span<const Operation> operations, std::span<const OperationOrigin> origins) {
  for (std::size_t i = 0; i < operations.size(); ++i)
    add_one(operations[i], origins.empty() ? OperationOrigin{} : origins[i]);
  head_.operations += operations.size();
}

// A thread uses again what it has freed itself, so that it need not wait for another to have freed it.
std::uint32_t OperationFile::number_for(Thread& thread) {
  if (!thread.unused.empty()) {
    const std::uint32_t number = thread.unused.back();
    thread.unused.pop_back();
    return number;
  }
  if (options_.threads) turns_.push_back(0);
  return static_cast<std::uint32_t>(head_.blocks++);
}

void OperationFile::add_one(const Operation& operation, const OperationOrigin& origin) {
  const std::uint32_t own = thread_of(origin.thread);
  Thread& thread = threads_[own];
  if (operation.block >= blocks_.size())
    blocks_.resize(operation.block + std::size_t{1} + blocks_.size() / 2);
  Block& block = blocks_[operation.block];
  if (options_.times && origin.time_us >= thread.time_us + kTimeStepUs) {
    thread.time_us = origin.time_us;
    put(thread, static_cast<std::uint32_t>(origin.time_us), OperationCode::kTime, origin.time_us >> 32);
  }
  if (operation.kind == OperationKind::kAllocate) {
    block.number = number_for(thread);
  } else if (options_.threads && block.thread != own) {
    put(thread, block.number, OperationCode::kWait, turns_[block.number] & format::kWordValueMask);
  }
  block.thread = own;
  if (options_.threads) ++turns_[block.number];
  if (operation.kind == OperationKind::kRelease) {
    put(thread, block.number, OperationCode::kRelease, 0);
    thread.unused.push_back(block.number);
  } else {
    if (operation.log_alignment != 0)
      put(thread, block.number, OperationCode::kAlign, operation.log_alignment);
    if (operation.size > format::kWordValueMask)
      put(thread, block.number, OperationCode::kHigh, operation.size >> format::kWordValueBits);
    const bool is_new = operation.kind == OperationKind::kAllocate;
    put(thread, block.number, is_new ? OperationCode::kAllocate : OperationCode::kResize,
        operation.size & format::kWordValueMask);
  }
  if (thread.words.size() >= format::kWordsInChunk) flush(own);
}

void OperationFile::put(Thread& thread, std::uint32_t number, OperationCode code, std::uint64_t value) {
  thread.words.push_back({number, static_cast<std::uint32_t>(code) | static_cast<std::uint32_t>(value) << 4});
}

void OperationFile::flush(std::uint32_t thread) {
  std::vector<format::OperationWord>& words = threads_[thread].words;
  for (std::size_t from = 0; from < words.size(); from += format::kWordsInChunk) {
    const std::size_t count = std::min<std::size_t>(format::kWordsInChunk, words.size() - from);
    table_.push_back({end_, thread, static_cast<std::uint32_t>(count)});
    write(words.data() + from, count * sizeof(format::OperationWord), end_);
    end_ += count * sizeof(format::OperationWord);
  }
  words.clear();
}

void OperationFile::finish() {
  for (std::uint32_t i = 0; i < threads_.size(); ++i) flush(i);
  head_.table = end_;
  head_.chunks = static_cast<std::uint32_t>(table_.size());
  head_.threads = static_cast<std::uint32_t>(threads_.size());
  write(table_.data(), table_.size() * sizeof(format::OperationChunk), end_);
  write(&head_, sizeof head_, 0);
}

void OperationFile::write(const void* data, std::size_t bytes, std::uint64_t offset) {
  const auto* at = static_cast<const char*>(data);
  while (bytes > 0) {
    const ssize_t done = pwrite(descriptor_, at, bytes, static_cast<off_t>(offset));
    if (done < 0 && errno == EINTR) continue;
    if (done < 0)
      throw Failure(kExitFailure, fmt::format("cannot write the operations of the recording to a file: {}",
                                              error_text(errno)));
    at += done;
    bytes -= static_cast<std::size_t>(done);
    offset += static_cast<std::uint64_t>(done);
  }
}

}  // namespace loam::tool

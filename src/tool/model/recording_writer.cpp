#include "tool/model/recording_writer.hpp"

#include <fmt/format.h>
#include <zstd.h>

#include <cerrno>
#include <utility>

#include "tool/model/failure.hpp"
#include "tool/model/files.hpp"

namespace loam::tool {
namespace {

constexpr std::uint32_t kSamplesInBlock = 3000;  // of a minute, at 50 a second
constexpr int kLevel = 1;

}  // namespace

void RecordingWriter::FreeZstd::operator()(ZSTD_CCtx* context) const { ZSTD_freeCCtx(context); }

RecordingWriter::RecordingWriter(const std::string& path, const std::string& facts)
    : path_(path), file_(std::fopen(path.c_str(), "wbe")), zstd_(ZSTD_createCCtx()) {
  if (zstd_ == nullptr) throw Failure(kExitFailure, "no memory to compress with");
  if (file_ == nullptr)
    throw Failure(kExitFailure, fmt::format("cannot write {}: {}", path, error_text(errno)));
  const format::RecordingHead head{format::kRecordingMagic, format::kRecordingVersion, 0};
  write(&head, sizeof head);
  write_block(format::BlockKind::kFacts, facts, 0);
}

void RecordingWriter::add(const RecordedEvent& event) {
  packer_.add(event);
  ++events_;
  if (packer_.count() == EventPacker::kMostEvents) flush();
}

void RecordingWriter::describe(const char* records, std::size_t bytes) {
  constexpr std::size_t kMost = std::size_t{16} << 20;  // a block has a limit that the reader holds it to
  descriptions_.append(records, bytes);
  if (descriptions_.size() >= kMost) flush();
}

void RecordingWriter::sample(const format::RecordingSample& sample) {
  samples_.append(reinterpret_cast<const char*>(&sample), sizeof sample);
  // A program that does nothing for hours is sampled too: what it has done must reach the file before the tool might be killed, and
  // a block of samples must not grow beyond what a reader takes.
  if (++sample_count_ == kSamplesInBlock) flush();
}

void RecordingWriter::finish(const std::string& facts) {
  flush();
  write_block(format::BlockKind::kEnd, facts, 0);
  if (std::fflush(file_.get()) != 0)
    throw Failure(kExitFailure, fmt::format("cannot write {}: {}", path_, error_text(errno)));
}

// What describes the events before them.
void RecordingWriter::flush() {
  if (!descriptions_.empty())
    write_block(format::BlockKind::kDescriptions, std::exchange(descriptions_, {}), 0);
  if (packer_.count() > 0) write_events();
  if (sample_count_ > 0)
    write_block(format::BlockKind::kSamples, std::exchange(samples_, {}), std::exchange(sample_count_, 0));
  if (std::fflush(file_.get()) != 0)
    throw Failure(kExitFailure, fmt::format("cannot write {}: {}", path_, error_text(errno)));
}

void RecordingWriter::write_block(format::BlockKind kind, const std::string& plain, std::uint32_t count) {
  packed_.clear();
  pack(plain);
  format::BlockHead head{};
  head.kind = kind;
  head.plain = static_cast<std::uint32_t>(plain.size());
  head.count = count;
  write_packed(head);
}

void RecordingWriter::write_events() {
  format::BlockHead head{};
  head.kind = format::BlockKind::kEvents;
  head.count = packer_.count();
  head.first_us = packer_.first_us();
  head.last_us = packer_.last_us();
  packed_.clear();
  for (const std::string_view part : packer_.parts()) {
    pack(part);
    head.plain += static_cast<std::uint32_t>(part.size());
  }
  packer_.begin_block();
  write_packed(head);
  written_ += head.count;
}

// A frame of its own, so that each column has the code that it needs.
void RecordingWriter::pack(std::string_view part) {
  if (part.empty()) return;
  const std::size_t before = packed_.size();
  packed_.resize(before + ZSTD_compressBound(part.size()));
  const std::size_t bytes = ZSTD_compressCCtx(zstd_.get(), &packed_[before], packed_.size() - before,
                                              part.data(), part.size(), kLevel);
  if (ZSTD_isError(bytes) != 0) throw Failure(kExitFailure, "a block cannot be compressed");
  packed_.resize(before + bytes);
}

void RecordingWriter::write_packed(format::BlockHead& head) {
  head.mark = format::kBlockMark;
  head.packed = static_cast<std::uint32_t>(packed_.size());
  head.check = packed_check(packed_);
  head.before = written_;
  head.head_check = head_check(head);
  write(&head, sizeof head);
  write(packed_.data(), packed_.size());
}

void RecordingWriter::write(const void* data, std::size_t bytes) {
  if (std::fwrite(data, 1, bytes, file_.get()) != bytes)
    throw Failure(kExitFailure, fmt::format("cannot write {}: {}", path_, error_text(errno)));
  bytes_ += bytes;
}

}  // namespace loam::tool

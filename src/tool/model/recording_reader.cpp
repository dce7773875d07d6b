#include "tool/model/recording_reader.hpp"

#include <fmt/format.h>
#include <zstd.h>

#include <cerrno>
#include <cstring>

#include "tool/model/failure.hpp"
#include "tool/model/files.hpp"

namespace loam::tool {

bool is_recording(const std::string& path) {
  std::unique_ptr<std::FILE, int (*)(std::FILE*)> file(std::fopen(path.c_str(), "rbe"), std::fclose);
  std::uint64_t magic = 0;
  return file != nullptr && std::fread(&magic, sizeof magic, 1, file.get()) == 1 &&
         magic == format::kRecordingMagic;
}

RecordingReader::RecordingReader(const std::string& path) : path_(path) { rewind(); }

void RecordingReader::rewind() {
  file_.reset(std::fopen(path_.c_str(), "rbe"));
  if (file_ == nullptr)
    throw Failure(kExitFailure, fmt::format("cannot read {}: {}", path_, error_text(errno)));
  format::RecordingHead head{};
  if (std::fread(&head, sizeof head, 1, file_.get()) != 1 || head.magic != format::kRecordingMagic)
    throw Failure(kExitFailure, fmt::format("{} is no recording of loam record", path_));
  if (head.version != format::kRecordingVersion) {
    throw Failure(kExitFailure, fmt::format("{} is a recording in version {}, this tool knows {}", path_,
                                            head.version, format::kRecordingVersion));
  }
  done_ = false;
  unpacker_ = {};
  samples_.clear();
  stacks_ = {};
  events_ = 0;
  end_.clear();
  remark_.clear();
}

bool RecordingReader::next(RecordedEvent& event) {
  try {
    for (;;) {
      if (unpacker_.next(event)) {
        ++events_;
        return true;
      }
      if (done_ || !next_block()) return false;
    }
  } catch (const Failure& failure) {
    unpacker_ = {};
    return stop(failure.what());
  }
}

bool RecordingReader::stop(const std::string& why) {
  done_ = true;
  remark_ = fmt::format("{}: the recording is read up to there, {} events", why, events_);
  return false;
}

bool RecordingReader::next_block() {
  format::BlockHead head{};
  const std::size_t got = std::fread(&head, 1, sizeof head, file_.get());
  if (got == 0 && !end_.empty()) {
    done_ = true;
    return false;
  }
  if (got == 0) return stop("it has no end, as it was cut off");
  if (got < sizeof head) return stop("it is cut off");
  if (head.mark != format::kBlockMark || head.packed > format::kMostPlainBytes ||
      head.plain > format::kMostPlainBytes)
    return stop("a block is damaged");
  return read_block(head);
}

bool RecordingReader::read_block(const format::BlockHead& head) {
  std::string packed(head.packed, '\0');
  if (std::fread(packed.data(), 1, packed.size(), file_.get()) != packed.size()) return stop("it is cut off");
  if (block_check(head, packed) != head.check) return stop("a block is damaged");
  std::string plain(head.plain, '\0');
  const std::size_t bytes = ZSTD_decompress(plain.data(), plain.size(), packed.data(), packed.size());
  if (ZSTD_isError(bytes) != 0 || bytes != plain.size()) return stop("a block is damaged");
  switch (head.kind) {
    case format::BlockKind::kFacts:
      facts_ = std::move(plain);
      break;
    case format::BlockKind::kEnd:
      end_ = std::move(plain);
      break;
    case format::BlockKind::kDescriptions:
      stacks_.read(plain.data(), plain.size());
      break;
    case format::BlockKind::kEvents:
      unpacker_.open(std::move(plain), head.count);
      break;
    case format::BlockKind::kSamples:
      if (plain.size() != std::size_t{head.count} * sizeof(format::RecordingSample))
        return stop("a block is damaged");
      samples_.resize(samples_.size() + head.count);
      if (head.count > 0) std::memcpy(&samples_[samples_.size() - head.count], plain.data(), plain.size());
      break;
  }
  return true;
}

}  // namespace loam::tool

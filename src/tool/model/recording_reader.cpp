#include "tool/model/recording_reader.hpp"

#include <fmt/format.h>
#include <zstd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <string_view>
#include <utility>

#include "tool/model/failure.hpp"
#include "tool/model/files.hpp"

namespace loam::tool {
namespace {

constexpr std::uint64_t kTold = 4;  // gaps

bool is_head(const format::BlockHead& head) {
  return head.mark == format::kBlockMark && head.head_check == head_check(head) &&
         head.packed <= format::kMostPlainBytes && head.plain <= format::kMostPlainBytes;
}

}  // namespace

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
    throw Failure(kExitFailure,
                  fmt::format("{} is a recording in version {}, this tool knows {}: record it anew", path_,
                              head.version, format::kRecordingVersion));
  }
  done_ = false;
  unpacker_ = {};
  samples_.clear();
  stacks_ = {};
  events_ = 0;
  end_.clear();
  facts_.clear();
  stopped_.clear();
  missing_.clear();
  missing_events_ = gaps_ = damaged_ = expected_ = last_us_ = 0;
  damaged_at_ = -1;
}

bool RecordingReader::next(RecordedEvent& event) {
  for (;;) {
    try {
      if (unpacker_.next(event)) {
        ++events_;
        last_us_ = event.time / 1000;
        return true;
      }
      if (done_ || !next_block()) return false;
    } catch (const Failure&) {  // what the check sums agree with makes no sense
      ++damaged_;
      expected_ -= unpacker_.left();
      unpacker_ = {};
    }
  }
}

bool RecordingReader::stop(const std::string& why) {
  done_ = true;
  stopped_ = why;
  return false;
}

bool RecordingReader::next_block() {
  format::BlockHead head{};
  std::string plain;
  if (!read_head(head)) return false;
  if (head.kind == format::BlockKind::kEvents || head.kind == format::BlockKind::kEnd) note_missing(head);
  if (read_content(head, plain)) take_block(head, std::move(plain));
  return !done_;
}

bool RecordingReader::read_head(format::BlockHead& head) {
  if (damaged_at_ >= 0) return find_head(head, std::exchange(damaged_at_, -1));
  const std::size_t got = std::fread(&head, 1, sizeof head, file_.get());
  if (got == sizeof head && is_head(head)) return true;
  if (got == 0 && !end_.empty()) {
    done_ = true;
    return false;
  }
  if (got == 0) return stop(damaged_ > 0 ? "its end is missing" : "it has no end, as it was cut off");
  if (got < sizeof head) return stop("it is cut off");
  ++damaged_;
  return find_head(head, std::ftell(file_.get()) - static_cast<long>(sizeof head) + 1);
}

// From there on, until bytes make a head.
bool RecordingReader::find_head(format::BlockHead& head, long from) {
  constexpr std::string_view kMark("BLCK", 4);
  constexpr std::size_t kPiece = std::size_t{1} << 16;
  std::string bytes;
  for (std::size_t got = std::fseek(file_.get(), from, SEEK_SET) == 0 ? kPiece : 0; got > 0;) {
    const std::size_t kept = bytes.size();
    bytes.resize(kept + kPiece);
    got = std::fread(&bytes[kept], 1, kPiece, file_.get());
    bytes.resize(kept + got);
    for (std::size_t at = 0; (at = bytes.find(kMark, at)) < bytes.size() && bytes.size() - at >= sizeof head;
         ++at) {
      std::memcpy(&head, &bytes[at], sizeof head);
      if (!is_head(head)) continue;
      const auto behind = static_cast<long>(bytes.size() - at - sizeof head);
      return std::fseek(file_.get(), -behind, SEEK_CUR) == 0;
    }
    bytes.erase(0, bytes.size() - std::min(bytes.size(), sizeof head - 1));
  }
  return stop(end_.empty() ? "its end is missing, as it was cut off" : "bytes follow its end");
}

// False: the block is damaged, or the file ends in it. Its length is then believed no more than the rest: whole blocks may begin in it.
bool RecordingReader::read_content(const format::BlockHead& head, std::string& plain) {
  const long begin = std::ftell(file_.get());
  std::string packed(head.packed, '\0');
  if (std::fread(packed.data(), 1, packed.size(), file_.get()) == packed.size() &&
      packed_check(packed) == head.check) {
    plain.resize(head.plain);
    const std::size_t bytes = ZSTD_decompress(plain.data(), plain.size(), packed.data(), packed.size());
    if (ZSTD_isError(bytes) == 0 && bytes == plain.size()) return true;
  }
  damaged_at_ = begin;
  ++damaged_;
  return false;
}

void RecordingReader::take_block(const format::BlockHead& head, std::string plain) {
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
      expected_ = head.before + head.count;
      break;
    case format::BlockKind::kSamples:
      if (plain.size() != std::size_t{head.count} * sizeof(format::RecordingSample)) {
        ++damaged_;
        break;
      }
      samples_.resize(samples_.size() + head.count);
      if (head.count > 0) std::memcpy(&samples_[samples_.size() - head.count], plain.data(), plain.size());
      break;
  }
}

// The head of a block of events, or the end, tells how many events should have come before.
void RecordingReader::note_missing(const format::BlockHead& head) {
  if (head.before <= expected_) return;
  const std::uint64_t events = head.before - expected_;
  expected_ = head.before;
  missing_events_ += events;
  if (++gaps_ > kTold) return;
  const bool is_end = head.kind == format::BlockKind::kEnd;
  missing_ +=
      fmt::format("{}{} events between {:.6f} s and {}", gaps_ == 1 ? "" : ", ", events,
                  static_cast<double>(last_us_) / 1e6,
                  is_end ? "the end" : fmt::format("{:.6f} s", static_cast<double>(head.first_us) / 1e6));
}

std::string RecordingReader::remark() const {
  std::string text;
  if (damaged_ > 0 || gaps_ > 0) {
    text = damaged_ == 1 ? "a block is damaged" : fmt::format("{} blocks are damaged", damaged_);
    text += gaps_ == 0 ? ", no event is known to be missing" : fmt::format(": missing are {}", missing_);
    if (gaps_ > kTold) text += fmt::format(" and more, {} in all", missing_events_);
  }
  if (!stopped_.empty())
    text += fmt::format("{}{}: the recording is read up to there, {} events", text.empty() ? "" : "; ",
                        stopped_, events_);
  return text;
}

}  // namespace loam::tool

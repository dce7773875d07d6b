#include <algorithm>
#include <array>
#include <unordered_map>

#include "tool/model/heaptrack_events.hpp"
#include "tool/model/operations.hpp"
#include "tool/model/recording_reader.hpp"

namespace loam::tool {
namespace {

// What a replay deals with at a time. Policies take turns at it, and each finds the caches full of another's tables, so that they go faster
// the larger pieces are; the first are small, since nobody has anything to do before there is one.
constexpr std::size_t kFirstPiece = std::size_t{1} << 16;
constexpr std::size_t kMostPiece = std::size_t{1} << 20;

class RecordingOperations : public OperationSource {
 public:
  explicit RecordingOperations(const std::string& path) : reader_(path) {}

  void next(std::vector<Operation>& piece) override {
    piece.clear();
    origins_.clear();
    while (piece.size() < piece_ && (at_ < filled_ || look_ahead())) {
      const RecordedEvent& event = ahead_[at_++];
      if (event.is_free)
        release(event, piece);
      else
        allocate(event, piece);
      if (keeps_origins_) origins_.resize(piece.size(), {event.time / 1000, event.thread, event.stack});
    }
    piece_ = std::min(2 * piece_, kMostPiece);
  }
  std::uint64_t skipped() const override { return skipped_; }
  std::string remark() const override { return reader_.remark(); }
  std::vector<SourceFrame> frames(std::uint32_t stack) override {
    return reader_.stacks().describe(stack, symbols_).frames;
  }

 private:
  // Reads some events on: the table of a million blocks' numbers is in no cache, and what of it they need comes meanwhile.
  bool look_ahead() {
    at_ = filled_ = 0;
    while (filled_ < ahead_.size() && reader_.next(ahead_[filled_]))
      numbers_.prefetch(ahead_[filled_++].address);
    return filled_ > 0;
  }
  // The first half of a realloc() waits for the second, by the same thread.
  void release(const RecordedEvent& event, std::vector<Operation>& piece) {
    std::uint32_t number = 0;
    if (!numbers_.take(event.address, number)) {
      ++skipped_;
    } else if (event.is_resize) {
      resized_[event.thread] = number;
    } else {
      piece.push_back({0, number, OperationKind::kRelease, 0});
      numbers_.give(number);
    }
  }
  void allocate(const RecordedEvent& event, std::vector<Operation>& piece) {
    std::uint32_t stale = 0;
    if (numbers_.take(event.address, stale)) {
      // Its free was not seen.
      piece.push_back({0, stale, OperationKind::kRelease, 0});
      numbers_.give(stale);
      ++skipped_;
    }
    const auto old = event.is_resize ? resized_.find(event.thread) : resized_.end();
    if (old != resized_.end()) {
      numbers_.name(event.address, old->second);
      piece.push_back({event.size, old->second, OperationKind::kResize, 0});
      resized_.erase(old);
    } else {
      const auto log = static_cast<std::uint8_t>(event.alignment_log > 4 ? event.alignment_log : 0);
      piece.push_back({event.size, numbers_.add(event.address), OperationKind::kAllocate, log});
    }
  }

  RecordingReader reader_;
  Symbols symbols_;
  BlockNumbers numbers_;
  std::unordered_map<std::uint32_t, std::uint32_t> resized_;  // by thread
  std::uint64_t skipped_ = 0;
  std::size_t piece_ = kFirstPiece;  // operations of the next
  std::array<RecordedEvent, 64> ahead_;
  std::size_t at_ = 0;
  std::size_t filled_ = 0;
};

}  // namespace

std::unique_ptr<OperationSource> open_operations(const std::string& path) {
  if (is_recording(path)) return std::make_unique<RecordingOperations>(path);
  if (is_heaptrack(path)) return open_heaptrack(path);
  return open_mtrace(path);
}

}  // namespace loam::tool

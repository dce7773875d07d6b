// Where the tool stands in one ring (format/event_ring.hpp), and some of its next events, as the recording has them.
// Takes nothing for granted that the ring holds. Not for sharing between threads.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include "format/event_ring.hpp"
#include "tool/model/recording_writer.hpp"

namespace loam::tool {

class RingCursor {
 public:
  struct Taken {
    std::uint64_t tick;  // of an event without one of its own, that before it
    RecordedEvent event;
  };

  RingCursor(format::Ring& ring, const std::uint64_t* words) : ring_(ring), words_(words) {}

  // What has been written up to now is what take() takes. Returns whether there was ever anything.
  bool look() {
    const std::uint64_t written = ring_.written.load(std::memory_order_acquire);
    if (written - read_ > format::kRingWords) give_back(written);  // nonsense: go on from there
    until_ = written;
    return written != 0;
  }
  // All of it is passed by.
  void discard() {
    look();
    give_back(until_);
  }
  // The next events if none is left: some, or only those of the same tick. Their lines in the writer's tables are asked for. A tick behind
  // `latest` is nonsense, which must not be waited for.
  bool take(const RecordingWriter& writer, std::uint64_t latest, bool of_one_tick) {
    if (next_ < count_) return true;
    next_ = count_ = 0;
    format::Event event{};
    std::uint64_t at = read_;
    while (at != until_ && count_ < kMost) {
      const std::uint64_t word = words_[at % format::kRingWords];
      if (of_one_tick && count_ > 0 && format::RingWords::is_tick(word)) break;
      ++at;
      if (!state_.take(word, event)) continue;
      writer.expect(event.address);
      if (state_.tick() <= latest) tick_ = state_.tick();
      taken_[count_++] = {tick_, recorded(event)};
    }
    give_back(at);
    return count_ > 0;
  }
  // The tick of the event behind those that were taken, if that has one and is there.
  bool next_tick(std::uint64_t& tick) const {
    const std::uint64_t word = words_[read_ % format::kRingWords];
    if (read_ == until_ || !format::RingWords::is_tick(word)) return false;
    tick = word >> format::kWordKindBits;
    return true;
  }

  std::span<Taken> events() { return {&taken_[next_], count_ - next_}; }
  const Taken& front() const { return taken_[next_]; }
  void pass(std::size_t count) { next_ += count; }

 private:
  static constexpr std::size_t kMost = format::kStampWords;

  RecordedEvent recorded(const format::Event& event) const {
    RecordedEvent out;
    out.address = event.address;
    out.size = event.is_free ? 0 : event.size;
    out.thread = state_.thread();
    out.stack = event.stack;
    out.is_free = event.is_free;
    out.is_resize = event.is_resize;
    out.alignment_log = event.is_free ? 4 : event.alignment_log;
    return out;
  }
  void give_back(std::uint64_t read) {
    read_ = read;
    ring_.read.store(read, std::memory_order_release);
  }

  format::Ring& ring_;
  const std::uint64_t* words_;
  std::uint64_t read_ = 0;
  std::uint64_t until_ = 0;
  format::RingWords state_;
  std::uint64_t tick_ = 0;
  std::size_t next_ = 0;
  std::size_t count_ = 0;
  std::array<Taken, kMost> taken_;
};

}  // namespace loam::tool

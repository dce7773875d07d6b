// One process that tells its events (format/event_ring.hpp): its ring file, what was taken from it, and the recording that it goes to.
// Takes nothing for granted that the file holds: the process may have gone wild.
// Not for sharing between threads.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "format/event_ring.hpp"
#include "tool/model/ring_cursor.hpp"

namespace loam::tool {

class RingProcess {
 public:
  // Maps the file and removes its name. Null if it is no ring file, or not one yet.
  static std::unique_ptr<RingProcess> open(const std::string& path);
  ~RingProcess();
  RingProcess(const RingProcess&) = delete;
  RingProcess& operator=(const RingProcess&) = delete;

  std::uint32_t pid() const { return pid_; }
  std::uint32_t forked_from() const { return forked_from_; }
  bool with_stacks() const { return file_->with_stacks != 0; }
  std::uint64_t started_ns() const { return file_->start_realtime_ns; }
  std::uint64_t started_monotonic_ns() const { return start_ns_; }
  bool is_cut() const { return file_->state.load() == format::RingState::kCut; }
  std::uint64_t dropped() const { return file_->dropped.load(); }

  void beat(std::uint64_t monotonic_ns) { file_->reader_beat_ns.store(monotonic_ns); }
  // Takes what is there, and hands on what no other thread's event can precede any more; with `last`, everything.
  void drain(RecordingWriter& writer, bool last);
  // Takes and forgets: the recording cannot be written, and the program must not wait.
  void discard();
  void sample(RecordingWriter& writer);
  bool is_alive() const;

 private:
  RingProcess() = default;
  void open_rings();
  void drain_alone(RecordingWriter& writer, std::uint64_t horizon);
  void merge(RecordingWriter& writer, std::uint64_t horizon);
  void take_descriptions(RecordingWriter& writer, bool last);
  double ns_at(std::uint64_t tick) const;

  format::RingFile* file_ = nullptr;
  std::uint32_t pid_ = 0;
  std::uint32_t forked_from_ = 0;
  std::uint64_t start_ticks_ = 0;
  std::uint64_t start_ns_ = 0;
  double ns_per_tick_ = 0;
  std::vector<RingCursor> rings_;
  std::uint64_t horizon_ = 0;  // the tick when rings were last looked into
  std::uint64_t described_ = 0;
};

}  // namespace loam::tool

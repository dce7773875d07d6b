// The tool's side of the control channel (format/control.hpp): proves that the target runs loam, then asks.
//
// A signal that its receiver does not catch kills it, so everything is checked before one is sent: that the process
// maps libloam.so, catches the signal, and is still the same process when it gets it (pidfd).
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "format/control.hpp"

namespace loam::tool {

struct Question {
  format::Ask ask;
  int milliseconds;  // for the whole answer; it must begin to talk within kAnswerMilliseconds
  std::uint64_t most_bytes;
  std::uint64_t subject = 0;  // of kChain
  bool by_site = false;
};

// An answer of kOk or kRefused.
struct Reply {
  std::string library;  // the mapped libloam.so
  format::Reply head{};
  std::vector<char> payload;
  std::uint64_t round_trip_ns = 0;  // from the signal to the last byte
};

// Throws Failure with the reason: no such process, no permission, another namespace, loam not running there or too
// old, the signal blocked, no answer in time.
Reply ask_process(std::uint64_t pid, const Question& question);

struct Snapshot {
  std::string library;              // the mapped libloam.so
  std::uint64_t pid = 0;            // as the process itself sees it
  std::uint64_t pause_ns = 0;       // how long its threads were held up
  std::uint64_t round_trip_ns = 0;  // from the signal to the last byte
  std::vector<std::uint64_t> class_bytes;
  // Storage for the answer's CounterSlot, aligned for it; atomics cannot be copied, bytes can.
  std::shared_ptr<format::CounterSlot> slot;
};

// Throws as ask_process().
Snapshot ask_stats(std::uint64_t pid);

}  // namespace loam::tool

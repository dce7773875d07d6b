// The control channel between the tool and a running process: how `loam stats PID` asks and what it gets.
//
// Nothing exists until asked: no thread, no descriptor, no file. The tool listens on an abstract socket with
// a random name and sends one queued signal (kControlSignal) whose value is the cookie. The runtime's handler
// clones a helper on its own stack, which connects to control_name(cookie), reads one Request and answers
// with one Reply and, if its status is kOk, `bytes` bytes of payload. The tool gives up after
// kAnswerMilliseconds; so must the helper.
//
// Invariant: plain integers of fixed size, same machine, same byte order. Both sides check magic, version and
// cookie. Locking: none, these are messages.
#pragma once

#include <cstddef>
#include <cstdint>

#include "format/counters.hpp"

namespace loam::format {

// SIGRTMAX - 3 of the kernel's 64 signals: glibc keeps the lowest ones, programs count from SIGRTMIN.
inline constexpr int kControlSignal = 61;
inline constexpr std::uint32_t kControlMagic = 0x6d'61'6f'6cU;  // "loam" in memory
inline constexpr std::uint32_t kControlVersion = 3;
inline constexpr int kAnswerMilliseconds = 2000;
inline constexpr int kLeaksMilliseconds = 120'000;

// `loam-` and 16 hex digits. An abstract address has no final zero byte: pass exactly kControlNameBytes after
// the leading zero byte of sun_path.
inline constexpr std::size_t kControlNameBytes = 21;

constexpr void control_name(std::uint64_t cookie, char (&out)[kControlNameBytes]) {
  constexpr char kPrefix[] = {'l', 'o', 'a', 'm', '-'};
  constexpr char kDigits[] = {'0', '1', '2', '3', '4', '5', '6', '7', '8', '9', 'a', 'b', 'c', 'd', 'e', 'f'};
  for (std::size_t i = 0; i < sizeof kPrefix; ++i) out[i] = kPrefix[i];
  for (std::size_t i = 0; i < 16; ++i) out[sizeof kPrefix + i] = kDigits[(cookie >> (60 - 4 * i)) & 15U];
}

enum class Ask : std::uint32_t {
  kStats = 1,  // payload: ClassTable, then CounterSlot
  kLeaks = 2,  // payload: as format/leaks.hpp says; takes up to kLeaksMilliseconds
  kChain =
      3,  // with a ChainSubject; payload: ChainHeader and so on, as there; by which words a block is held
};

enum class Answer : std::uint32_t {
  kOk = 0,
  kUnknownRequest,  // a newer tool
  kBusy,            // another request is being served
  kNoMemory,
  kRefused,  // payload: LeakRefusal
};

struct Request {
  std::uint32_t magic;
  std::uint32_t version;
  std::uint64_t cookie;
  Ask ask;
  std::uint32_t reserved;
};

// Follows a request of kChain.
struct ChainSubject {
  std::uint64_t subject;  // any address in the block
  std::uint64_t by_site;  // 1: the subject is a stack id instead, and any block that it has allocated will do
};

struct Reply {
  std::uint32_t magic;
  std::uint32_t version;
  std::uint64_t cookie;
  Answer answer;
  std::uint32_t reserved;
  std::uint64_t pid;       // as the process sees it: differs from the tool's across pid namespaces
  std::uint64_t pause_ns;  // how long threads of the program were held up, 0 if not at all
  std::uint64_t bytes;     // of the payload
};

struct ClassTable {
  std::uint64_t count;
  std::uint64_t bytes[kMaxClasses];
};

inline constexpr std::uint64_t kStatsPayloadBytes = sizeof(ClassTable) + sizeof(CounterSlot);

static_assert(sizeof(Request) == 24 && sizeof(Reply) == 48);

}  // namespace loam::format

// Asking a running process for what it has lost: the question, and what a refusal means.
#include <fmt/format.h>

#include <cerrno>
#include <chrono>
#include <cstring>
#include <thread>
#include <utility>

#include "tool/model/control_client.hpp"
#include "tool/model/failure.hpp"
#include "tool/model/files.hpp"
#include "tool/model/leak_report.hpp"

namespace loam::tool {
namespace {

std::string mebibytes(std::uint64_t bytes) { return fmt::format("{} MiB", (bytes + (1 << 19)) >> 20); }

// Of a process whose threads come and go faster than they can be stopped, or one that holds a lock of the heap's, another look mostly
// succeeds.
constexpr int kMostQuestions = 5;
constexpr std::chrono::milliseconds kBetweenQuestions{200};

format::LeakRefusal refusal_of(const Reply& reply) {
  format::LeakRefusal why{};
  if (reply.payload.size() == sizeof why) std::memcpy(&why, reply.payload.data(), sizeof why);
  return why;
}

std::string refusal_text(const Reply& reply) {
  const format::LeakRefusal why = refusal_of(reply);
  if (why.error == EAGAIN) return "its threads could not be stopped all at once: try again";
  if (why.error != 0) return fmt::format("it cannot be copied: {}", error_text(static_cast<int>(why.error)));
  const std::string group =
      why.limit == ~std::uint64_t{0}
          ? "its control group has no limit"
          : fmt::format("its control group uses {} of {}", mebibytes(why.used), mebibytes(why.limit));
  return fmt::format("no room for the copy, which may come to {}: {}, the machine has {} left",
                     mebibytes(why.wanted), group, mebibytes(why.available));
}

}  // namespace

std::vector<char> ask_for_leaks(std::uint64_t pid, const Question& question) {
  Reply reply = ask_process(pid, question);
  for (int asked = 1; asked < kMostQuestions && reply.head.answer != format::Answer::kOk; ++asked) {
    if (refusal_of(reply).error != EAGAIN) break;
    std::this_thread::sleep_for(kBetweenQuestions);
    reply = ask_process(pid, question);
  }
  if (reply.head.answer != format::Answer::kOk)
    throw Failure(kExitFailure, fmt::format("cannot search process {}: {}", pid, refusal_text(reply)));
  return std::move(reply.payload);
}

LeakReport look_for_leaks(std::uint64_t pid) {
  constexpr std::uint64_t kMostBytes = std::uint64_t{1} << 30;
  const std::vector<char> answer =
      ask_for_leaks(pid, {format::Ask::kLeaks, format::kLeaksMilliseconds, kMostBytes});
  return read_leaks(pid, answer, ModuleMap::of_process(pid));
}

}  // namespace loam::tool

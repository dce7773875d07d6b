#include "tool/model/record_session.hpp"

#include <fmt/format.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <filesystem>
#include <map>

#include "sys/kernel.hpp"
#include "tool/model/failure.hpp"
#include "tool/model/files.hpp"
#include "tool/model/json_value.hpp"

namespace loam::tool {
namespace {

constexpr std::uint64_t kSampleNs = 20'000'000;
constexpr std::uint64_t kLookNs = 5'000'000;

constexpr char kFolderPrefix[] = "loam-record-";

// What a tool that was killed has left behind. (Only its user can remove it.)
void remove_stale(const char* where) {
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(where, error)) {
    const std::string name = entry.path().filename();
    if (!name.starts_with(kFolderPrefix)) continue;
    const std::string number =
        name.substr(sizeof kFolderPrefix - 1, name.rfind('-') - sizeof kFolderPrefix + 1);
    const auto pid = to_number(number);
    if (pid && kill(static_cast<pid_t>(*pid), 0) != 0 && errno == ESRCH)
      std::filesystem::remove_all(entry.path(), error);
  }
}

std::string make_folder() {
  for (const char* where : {"/dev/shm", "/tmp"}) {
    remove_stale(where);
    std::string name = fmt::format("{}/{}{}-XXXXXX", where, kFolderPrefix, getpid());
    if (mkdtemp(name.data()) != nullptr) return name;
  }
  throw Failure(kExitFailure, fmt::format("cannot make a folder in /dev/shm or /tmp: {}", error_text(errno)));
}

}  // namespace

RecordSession::RecordSession(std::string path, std::vector<std::string> program)
    : path_(std::move(path)), program_(std::move(program)), folder_(make_folder()) {
  // Before the program runs: a place that cannot be written to must not cost the run.
  RecordingWriter(path_, "{}").finish("{}");
}

RecordSession::~RecordSession() {
  stopping_ = true;
  if (thread_.joinable()) thread_.join();
  remove_folder();
}

void RecordSession::remove_folder() {
  std::error_code ignored;
  std::filesystem::remove_all(folder_, ignored);
}

// Signals are for the thread that waits for the program.
void RecordSession::start() {
  sigset_t all;
  sigset_t before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  thread_ = std::thread([this] { run(); });
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

void RecordSession::run() {
  std::uint64_t next_look = 0;
  std::uint64_t next_sample = 0;
  while (!stopping_) {
    const std::uint64_t now = sys::monotonic_ns();
    if (now >= next_look) {
      look_for_processes();
      next_look = now + kLookNs;
    }
    const bool samples = now >= next_sample;
    if (samples) next_sample = now + kSampleNs;
    for (Process& process : processes_) {
      process.ring->beat(now);
      drain(process, false);
      if (samples) guard(process, [](Process& each) { each.ring->sample(*each.writer); });
    }
    std::this_thread::sleep_for(std::chrono::microseconds(500));
  }
  cpu_ns_ = sys::thread_cpu_ns();
}

void RecordSession::look_for_processes() {
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(folder_, error)) {
    Process fresh;
    fresh.ring = RingProcess::open(entry.path());
    if (fresh.ring == nullptr) continue;
    // Another program of the same process: the one before tells nothing more.
    for (Process& other : processes_) {
      if (other.ended || other.ring->pid() != fresh.ring->pid()) continue;
      drain(other, true);
      end(other, "it executed another program");
    }
    begin(fresh);
    processes_.push_back(std::move(fresh));
  }
}

std::string RecordSession::path_beside(std::uint32_t pid) const {
  std::string path = fmt::format("{}.{}", path_, pid);
  for (unsigned n = 2; std::filesystem::exists(path); ++n) path = fmt::format("{}.{}.{}", path_, pid, n);
  return path;
}

// What the program has been before it executed another one makes room.
std::string RecordSession::path_for(const RingProcess& process) {
  if (root_pid_ == 0) root_pid_ = process.pid();
  if (process.pid() != root_pid_ || process.forked_from() != 0) return path_beside(process.pid());
  for (Process& each : processes_) {
    if (each.path != path_) continue;
    each.path = path_beside(root_pid_);
    std::error_code ignored;
    std::filesystem::rename(path_, each.path, ignored);
  }
  return path_;
}

void RecordSession::begin(Process& process) {
  const std::uint32_t pid = process.ring->pid();
  const Json facts = {{"program", program_},
                      {"command", read_file(fmt::format("/proc/{}/cmdline", pid), 1 << 16).value_or("")},
                      {"pid", pid},
                      {"forked_from", process.ring->forked_from()},
                      {"started_ns", process.ring->started_ns()},
                      {"stacks", process.ring->with_stacks()}};
  try {
    process.path = path_for(*process.ring);
    process.writer = std::make_unique<RecordingWriter>(process.path, facts.text());
  } catch (const Failure& failure) {
    process.failure = failure.what();
  }
}

// The program must not suffer from a disk that is full: its rings are emptied all the same.
void RecordSession::guard(Process& process, void (*work)(Process&)) {
  if (process.ended) return;
  if (process.writer == nullptr || !process.failure.empty()) return process.ring->discard();
  try {
    work(process);
  } catch (const Failure& failure) {
    process.failure = failure.what();
  }
}

void RecordSession::drain(Process& process, bool last) {
  if (last)
    guard(process, [](Process& each) { each.ring->drain(*each.writer, true); });
  else
    guard(process, [](Process& each) { each.ring->drain(*each.writer, false); });
}

void RecordSession::end(Process& process, const std::string& ending) {
  if (process.ended) return;
  process.ended = true;
  if (process.writer == nullptr || !process.failure.empty()) return;
  const Json facts = {{"ending", ending},
                      {"cut", process.ring->is_cut()},
                      {"dropped", process.ring->dropped()},
                      {"duration_ns", sys::monotonic_ns() - process.ring->started_monotonic_ns()}};
  try {
    process.writer->finish(facts.text());
  } catch (const Failure& failure) {
    process.failure = failure.what();
  }
}

std::vector<Recorded> RecordSession::stop(std::uint32_t pid, const std::string& ending) {
  stopping_ = true;
  if (thread_.joinable()) thread_.join();
  look_for_processes();
  std::vector<Recorded> all;
  for (Process& process : processes_) {
    const bool ours = process.ring->pid() == pid;
    const bool lives_on = !ours && !process.ended && process.ring->is_alive();
    drain(process, true);
    end(process, ours ? ending : lives_on ? "it went on when the recording ended" : "it ended");
    all.push_back(outcome_of(process));
    all.back().lives_on = lives_on;
    std::error_code ignored;
    if (all.back().events == 0 && process.path != path_) std::filesystem::remove(process.path, ignored);
  }
  remove_folder();  // here, since the tool may end by the signal that has killed the program
  std::stable_sort(all.begin(), all.end(), [this](const Recorded& a, const Recorded& b) {
    return a.path == path_ || (b.path != path_ && a.events > b.events);
  });
  return all;
}

Recorded RecordSession::outcome_of(const Process& process) const {
  Recorded out;
  out.pid = process.ring->pid();
  out.path = process.path;
  out.failure = process.failure;
  out.cut = process.ring->is_cut();
  out.dropped = process.ring->dropped();
  if (process.writer != nullptr) {
    out.events = process.writer->events();
    out.bytes = process.writer->bytes();
  }
  return out;
}

}  // namespace loam::tool

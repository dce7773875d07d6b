// Recording a program and its children: the folder of ring files, a thread that drains them into recordings, one a process.
// Locking: one thread drains between start and stop(); the rest belongs to whoever made the session.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "tool/model/ring_process.hpp"

namespace loam::tool {

struct Recorded {
  std::string path;  // of the recording; empty: nothing could be written
  std::uint32_t pid = 0;
  std::uint64_t events = 0;
  std::uint64_t bytes = 0;
  std::uint64_t dropped = 0;
  bool cut = false;       // nobody took the events in time, so those behind are not there
  bool lives_on = false;  // the process, whose recording ends here
  std::string failure;
};

class RecordSession {
 public:
  // `path` is that of the program, and of what it becomes by exec; recordings of others go beside it: PATH.PID. `program`: what the recording says was run.
  RecordSession(std::string path, std::vector<std::string> program);
  ~RecordSession();
  RecordSession(const RecordSession&) = delete;
  RecordSession& operator=(const RecordSession&) = delete;

  // To be named in LOAM_OPTIONS as `record`.
  const std::string& folder() const { return folder_; }
  void start();
  // After the program has ended, which was process `pid`: what is left is taken. `ending`: how, for the recording.
  // The program's own first, then those with most events.
  std::vector<Recorded> stop(std::uint32_t pid, const std::string& ending);
  std::uint64_t drain_cpu_ns() const { return cpu_ns_; }

 private:
  struct Process {
    std::unique_ptr<RingProcess> ring;
    std::unique_ptr<RecordingWriter> writer;
    std::string path;
    std::string failure;
    bool ended = false;
  };

  void run();
  void remove_folder();
  void look_for_processes();
  void begin(Process& process);
  void drain(Process& process, bool last);
  void guard(Process& process, void (*work)(Process&));
  std::string path_for(const RingProcess& process);
  std::string path_beside(std::uint32_t pid) const;
  Recorded outcome_of(const Process& process) const;
  void end(Process& process, const std::string& ending);

  std::string path_;
  std::vector<std::string> program_;
  std::string folder_;
  std::vector<Process> processes_;
  std::uint32_t root_pid_ = 0;  // of the program; 0: it has not started yet
  std::atomic<bool> stopping_{false};
  std::thread thread_;
  std::uint64_t cpu_ns_ = 0;
};

}  // namespace loam::tool

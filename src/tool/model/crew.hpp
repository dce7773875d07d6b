// Threads that share the parts of one job after another with who gives it out: while they begin with one, the next can be made ready.
// For one owner. Locks: one, held between parts only; a part runs without.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <exception>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

namespace loam::tool {

class Crew {
 public:
  // With none, finish() does everything.
  explicit Crew(unsigned helpers);
  // As many as there are processors beside the caller's.
  static unsigned usual_helpers();
  // Waits for parts that run; those that have not begun are left.
  ~Crew();
  Crew(const Crew&) = delete;
  Crew& operator=(const Crew&) = delete;

  // The helpers begin to call part(0) to part(count - 1), each once and in this order. Requires: the job before is finished.
  void begin(std::size_t count, std::function<void(std::size_t)> part);
  // Does what nobody has begun, and waits for the rest. Throws what a part threw, the first of them.
  void finish();

 private:
  using Lock = std::unique_lock<std::mutex>;
  void help();
  bool has_part() const { return next_ < count_; }
  void do_part(Lock& lock);

  std::mutex mutex_;
  std::condition_variable begun_;
  std::condition_variable done_;
  std::function<void(std::size_t)> part_;
  std::size_t count_ = 0;
  std::size_t next_ = 0;
  std::size_t running_ = 0;
  bool over_ = false;
  std::exception_ptr error_;
  std::vector<std::thread> helpers_;
};

}  // namespace loam::tool

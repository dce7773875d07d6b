#include "tool/model/crew.hpp"

#include <utility>

namespace loam::tool {

Crew::Crew(unsigned helpers) {
  for (unsigned i = 0; i < helpers; ++i) helpers_.emplace_back([this] { help(); });
}

unsigned Crew::usual_helpers() {
  const unsigned processors = std::thread::hardware_concurrency();
  return processors > 1 ? processors - 1 : 0;
}

Crew::~Crew() {
  {
    const Lock lock(mutex_);
    next_ = count_;
    over_ = true;
  }
  begun_.notify_all();
  for (std::thread& helper : helpers_) helper.join();
}

void Crew::begin(std::size_t count, std::function<void(std::size_t)> part) {
  {
    const Lock lock(mutex_);
    part_ = std::move(part);
    count_ = count;
    next_ = 0;
  }
  begun_.notify_all();
}

void Crew::finish() {
  Lock lock(mutex_);
  while (has_part()) do_part(lock);
  done_.wait(lock, [this] { return running_ == 0; });
  if (error_ != nullptr) std::rethrow_exception(std::exchange(error_, nullptr));
}

void Crew::help() {
  Lock lock(mutex_);
  for (;;) {
    begun_.wait(lock, [this] { return over_ || has_part(); });
    if (over_) return;
    do_part(lock);
  }
}

void Crew::do_part(Lock& lock) {
  const std::size_t at = next_++;
  ++running_;
  lock.unlock();
  std::exception_ptr error;
  try {
    part_(at);
  } catch (...) {
    error = std::current_exception();
  }
  lock.lock();
  --running_;
  if (error != nullptr) {
    if (error_ == nullptr) error_ = error;
    next_ = count_;
  }
  done_.notify_all();
}

}  // namespace loam::tool

#include "tool/model/place_history.hpp"

namespace loam::tool {

void PlaceHistory::find_thread(std::uint32_t thread) {
  if (threads_.size() >= kMostThreads && !threads_.contains(thread)) forget();
  const std::size_t index = threads_.try_emplace(thread, threads_.size()).first->second;
  if (index == classes_.size()) classes_.push_back(std::make_unique<Classes>());
  thread_ = thread;
  of_thread_ = classes_[index].get();
}

void PlaceHistory::forget() {
  nodes_.resize(1);
  unused_ = 0;
  ++round_;
  threads_.clear();
  of_thread_ = nullptr;
}

}  // namespace loam::tool

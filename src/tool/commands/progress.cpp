#include "tool/commands/progress.hpp"

#include <unistd.h>

#include <cstdio>

namespace loam::tool {

void show_progress(std::size_t done, std::size_t all, const std::string& what) {
  if (isatty(STDERR_FILENO) == 0) return;
  constexpr std::size_t kWidth = 30;
  const std::size_t filled = all == 0 ? kWidth : done * kWidth / all;
  const std::string bar = std::string(filled, '#') + std::string(kWidth - filled, '.');
  std::fprintf(stderr, "\r[%s] %zu/%zu %-50.50s", bar.c_str(), done, all, what.c_str());
  if (done == all) std::fprintf(stderr, "\r%*s\r", 100, "");
}

}  // namespace loam::tool

// Reading small files of /proc and /sys whole, and the few things which every reader of them needs.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace loam::tool {

// A file descriptor that closes itself.
class Descriptor {
 public:
  Descriptor() = default;
  explicit Descriptor(int fd) : fd_(fd) {}
  Descriptor(Descriptor&& other) noexcept : fd_(other.fd_) { other.fd_ = -1; }
  Descriptor& operator=(Descriptor&& other) noexcept;
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  ~Descriptor();

  int get() const { return fd_; }
  bool valid() const { return fd_ >= 0; }

 private:
  int fd_ = -1;
};

// The content, or nothing with errno set if the file cannot be read.
std::optional<std::string> read_file(const std::string& path, std::size_t limit = 1U << 22);

// The target of a symbolic link, empty if there is none.
std::string read_link(const std::string& path);

// What errno or another error number means.
std::string error_text(int error);

// "Aborted"; real-time signals have no description of their own.
std::string signal_text(int signal);

// A variable of the environment, or nullptr. The tool reads them before it starts a thread and never sets one.
const char* environment(const char* name);

std::string_view trim(std::string_view text);
std::vector<std::string> split(std::string_view text, char separator);
std::optional<std::uint64_t> to_number(std::string_view text);

}  // namespace loam::tool

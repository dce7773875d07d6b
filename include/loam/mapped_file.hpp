// mapped_file.hpp - a file as memory: read it, write it, let it grow.
//
// Thread safety: none. Errors: the constructors and functions throw std::system_error; those that take an std::error_code set it
// instead, and have changed nothing then. An access beyond what the file has (somebody else cut it) is SIGBUS, as with every mapping.
#ifndef LOAM_MAPPED_FILE_HPP
#define LOAM_MAPPED_FILE_HPP

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <span>
#include <string>
#include <system_error>
#include <utility>

namespace loam {

class mapped_file {
 public:
  enum class mode {
    read,    // the file must be there
    write,   // the file must be there
    create,  // as write; made if it is not there
  };
  enum class advice {
    normal = MADV_NORMAL,
    sequential = MADV_SEQUENTIAL,
    random = MADV_RANDOM,
    will_need = MADV_WILLNEED
  };

  mapped_file() = default;
  explicit mapped_file(const std::string& path, mode how = mode::read) {
    std::error_code error;
    open(path, how, error);
    if (error) throw std::system_error(error, path);
  }
  mapped_file(mapped_file&& other) noexcept { swap(other); }
  mapped_file& operator=(mapped_file&& other) noexcept {
    mapped_file(std::move(other)).swap(*this);
    return *this;
  }
  ~mapped_file() { close(); }

  void open(const std::string& path, mode how, std::error_code& error) noexcept {
    mapped_file fresh;
    const int flags = how == mode::read ? O_RDONLY : how == mode::write ? O_RDWR : O_RDWR | O_CREAT;
    fresh.file_ = ::open(path.c_str(), flags | O_CLOEXEC, 0666);
    fresh.writable_ = how != mode::read;
    struct stat status{};
    if (fresh.file_ < 0 || ::fstat(fresh.file_, &status) != 0) return last(error);
    if (!S_ISREG(status.st_mode)) return error.assign(EINVAL, std::generic_category());
    if (!fresh.map(static_cast<std::size_t>(status.st_size))) return last(error);
    error.clear();
    swap(fresh);
  }

  bool is_open() const noexcept { return file_ >= 0; }
  std::size_t size() const noexcept { return size_; }
  std::span<const std::byte> bytes() const noexcept { return {data_, size_}; }
  // Empty if the file was opened for reading.
  std::span<std::byte> writable_bytes() noexcept { return {data_, writable_ ? size_ : 0}; }

  // Cuts the file, or lets it grow by zeros. The bytes may lie elsewhere afterwards.
  void resize(std::size_t size, std::error_code& error) noexcept {
    if (!writable_) return error.assign(EBADF, std::generic_category());
    const std::size_t before = size_;
    if (::ftruncate(file_, static_cast<off_t>(size)) != 0) return last(error);
    if (!remap(size)) {
      last(error);
      // To what is mapped still; a file cut shorter keeps what it lost no longer.
      if (size > before && ::ftruncate(file_, static_cast<off_t>(before)) != 0) last(error);
      return;
    }
    error.clear();
  }
  void resize(std::size_t size) {
    std::error_code error;
    resize(size, error);
    if (error) throw std::system_error(error, "resize of a mapped file");
  }

  // Returns when what was written has reached the device.
  void sync(std::error_code& error) noexcept {
    if (size_ > 0 && ::msync(data_, size_, MS_SYNC) != 0) return last(error);
    error.clear();
  }
  void sync() {
    std::error_code error;
    sync(error);
    if (error) throw std::system_error(error, "sync of a mapped file");
  }

  // How the bytes are going to be read; a hint, and no error.
  void advise(advice how) noexcept {
    if (size_ > 0) ::madvise(data_, size_, static_cast<int>(how));
  }

  void close() noexcept {
    if (size_ > 0) ::munmap(data_, size_);
    if (file_ >= 0) ::close(file_);
    data_ = nullptr;
    size_ = 0;
    file_ = -1;
    writable_ = false;
  }

  void swap(mapped_file& other) noexcept {
    std::swap(file_, other.file_);
    std::swap(data_, other.data_);
    std::swap(size_, other.size_);
    std::swap(writable_, other.writable_);
  }

 private:
  static void last(std::error_code& error) noexcept { error.assign(errno, std::generic_category()); }

  // An empty file has no mapping. Returns false with errno.
  bool map(std::size_t size) noexcept {
    if (size == 0) return true;
    void* start = ::mmap(nullptr, size, writable_ ? PROT_READ | PROT_WRITE : PROT_READ, MAP_SHARED, file_, 0);
    if (start == MAP_FAILED) return false;
    data_ = static_cast<std::byte*>(start);
    size_ = size;
    return true;
  }
  bool remap(std::size_t size) noexcept {
    if (size_ == 0) return map(size);
    if (size == 0) {
      ::munmap(std::exchange(data_, nullptr), std::exchange(size_, 0));
      return true;
    }
    void* start = ::mremap(data_, size_, size, MREMAP_MAYMOVE);
    if (start == MAP_FAILED) return false;
    data_ = static_cast<std::byte*>(start);
    size_ = size;
    return true;
  }

  int file_ = -1;
  bool writable_ = false;
  std::byte* data_ = nullptr;
  std::size_t size_ = 0;
};

}  // namespace loam

#endif

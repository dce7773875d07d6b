// resource.hpp - where pages come from, as std::pmr::memory_resource: the kernel's mappings, the program break, a file.
// Each may stand behind an arena, a pool or a container (as its upstream).
//
// Thread safety: mmap_resource has no state; the others lock. Errors: std::bad_alloc for memory, std::system_error for files.
#ifndef LOAM_RESOURCE_HPP
#define LOAM_RESOURCE_HPP

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>
#include <loam/detail/free_ranges.hpp>

#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <memory_resource>
#include <mutex>
#include <new>
#include <string>
#include <system_error>
#include <utility>

namespace loam {

namespace detail {

inline std::size_t page_size() noexcept {
  static const auto bytes = static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
  return bytes;
}

// Whole pages for `bytes`; throws std::bad_alloc where that overflows.
inline std::size_t whole_pages(std::size_t bytes) {
  const std::size_t page = page_size();
  if (bytes > std::size_t{PTRDIFF_MAX} - page) throw std::bad_alloc();
  return ((bytes == 0 ? 1 : bytes) + page - 1) & ~(page - 1);
}

}  // namespace detail

// A mapping for each block: whole pages, zero, given back to the kernel at once. About 1 us and a fault a page.
class mmap_resource final : public std::pmr::memory_resource {
 private:
  void* do_allocate(std::size_t bytes, std::size_t alignment) override {
    const std::size_t wanted = detail::whole_pages(bytes);
    if (alignment <= detail::page_size()) return map(wanted);
    if (wanted > std::size_t{PTRDIFF_MAX} - alignment) throw std::bad_alloc();
    // More than wanted, and what lies in front of and behind the aligned part goes back.
    auto* start = static_cast<std::byte*>(map(wanted + alignment));
    const std::size_t front = -reinterpret_cast<std::uintptr_t>(start) & (alignment - 1);
    if (front > 0) ::munmap(start, front);
    ::munmap(start + front + wanted, alignment - front);
    return start + front;
  }
  void do_deallocate(void* block, std::size_t bytes, std::size_t) override {
    ::munmap(block, detail::whole_pages(bytes));
  }
  bool do_is_equal(const std::pmr::memory_resource& other) const noexcept override {
    return dynamic_cast<const mmap_resource*>(&other) != nullptr;
  }

  static void* map(std::size_t bytes) {
    void* start = ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (start == MAP_FAILED) throw std::bad_alloc();
    return start;
  }
};

// The program break. It moves up for what does not fit into free memory below, and down again when the topmost block goes;
// what is free below a block stays free there. Another user of sbrk is tolerated: the memory above its part is a new piece.
// First fit, O(free ranges).
class sbrk_resource final : public std::pmr::memory_resource {
 public:
  sbrk_resource() = default;
  sbrk_resource(const sbrk_resource&) = delete;
  sbrk_resource& operator=(const sbrk_resource&) = delete;

  // Moves of the break, up and down.
  std::size_t crossings() const {
    std::lock_guard lock(mutex_);
    return crossings_;
  }

 private:
  static constexpr std::size_t granule = alignof(std::max_align_t);

  static std::size_t rounded(std::size_t bytes) {
    if (bytes > std::size_t{PTRDIFF_MAX} - granule) throw std::bad_alloc();
    return ((bytes == 0 ? 1 : bytes) + granule - 1) & ~(granule - 1);
  }

  void* do_allocate(std::size_t bytes, std::size_t alignment) override {
    const std::size_t wanted = rounded(bytes);
    if (alignment < granule) alignment = granule;
    std::lock_guard lock(mutex_);
    std::uintptr_t start = free_.take(wanted, alignment);
    if (start == detail::free_ranges::none) {
      grow(wanted, alignment);
      start = free_.take(wanted, alignment);
    }
    if (start == detail::free_ranges::none) throw std::bad_alloc();
    return reinterpret_cast<void*>(start);
  }

  void do_deallocate(void* block, std::size_t bytes, std::size_t) override {
    std::lock_guard lock(mutex_);
    const auto [start, size] = free_.give(reinterpret_cast<std::uintptr_t>(block), rounded(bytes));
    // Only if the break is still where this resource left it: above may lie somebody else's.
    if (start + size != top_ || current() != top_) return;
    if (::sbrk(-static_cast<std::intptr_t>(size)) == failed()) return;
    ++crossings_;
    top_ = start;
    free_.remove(start);
  }

  bool do_is_equal(const std::pmr::memory_resource& other) const noexcept override { return this == &other; }

  static void* failed() noexcept { return reinterpret_cast<void*>(std::intptr_t{-1}); }
  static std::uintptr_t current() noexcept { return reinterpret_cast<std::uintptr_t>(::sbrk(0)); }

  // Requires: the lock.
  void grow(std::size_t bytes, std::size_t alignment) {
    const std::size_t room = bytes + alignment + granule;
    void* before = ::sbrk(static_cast<std::intptr_t>(room));
    if (before == failed()) throw std::bad_alloc();
    ++crossings_;
    const auto at = reinterpret_cast<std::uintptr_t>(before);
    const std::uintptr_t start = at == top_ ? at : (at + granule - 1) & ~(std::uintptr_t{granule} - 1);
    top_ = at + room;
    free_.give(start, top_ - start);
  }

  mutable std::mutex mutex_;
  detail::free_ranges free_;
  std::uintptr_t top_ = 0;  // where this resource left the break
  std::size_t crossings_ = 0;
};

// Memory that lies in a file without a name in the given folder: what does not fit into memory goes there instead of to swap.
// Whole pages; a block that goes leaves a hole in the file. The file is gone with the resource or the process.
class file_resource final : public std::pmr::memory_resource {
 public:
  // Throws std::system_error if no file can be made there.
  explicit file_resource(const std::string& folder)
      : file_(::open(folder.c_str(), O_TMPFILE | O_RDWR | O_CLOEXEC, 0600)) {
    if (file_ < 0) throw std::system_error(errno, std::generic_category(), "no file for memory in " + folder);
  }
  file_resource(const file_resource&) = delete;
  file_resource& operator=(const file_resource&) = delete;
  ~file_resource() override { ::close(file_); }

  // Bytes of the file, holes included.
  std::size_t file_bytes() const {
    std::lock_guard lock(mutex_);
    return end_;
  }

 private:
  void* do_allocate(std::size_t bytes, std::size_t alignment) override {
    if (alignment > detail::page_size()) throw std::bad_alloc();
    const std::size_t wanted = detail::whole_pages(bytes);
    std::lock_guard lock(mutex_);
    std::uintptr_t offset = free_.take(wanted, detail::page_size());
    if (offset == detail::free_ranges::none) {
      if (::ftruncate(file_, static_cast<off_t>(end_ + wanted)) != 0) throw std::bad_alloc();
      offset = end_;
      end_ += wanted;
    }
    void* block =
        ::mmap(nullptr, wanted, PROT_READ | PROT_WRITE, MAP_SHARED, file_, static_cast<off_t>(offset));
    if (block == MAP_FAILED) {
      free_.give(offset, wanted);
      throw std::bad_alloc();
    }
    offsets_.emplace(reinterpret_cast<std::uintptr_t>(block), offset);
    return block;
  }

  void do_deallocate(void* block, std::size_t bytes, std::size_t) override {
    const std::size_t size = detail::whole_pages(bytes);
    std::lock_guard lock(mutex_);
    const auto at = offsets_.find(reinterpret_cast<std::uintptr_t>(block));
    if (at == offsets_.end()) return;
    const std::uintptr_t offset = at->second;
    ::munmap(block, size);
    ::fallocate(file_, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, static_cast<off_t>(offset),
                static_cast<off_t>(size));
    offsets_.erase(at);
    free_.give(offset, size);
  }

  bool do_is_equal(const std::pmr::memory_resource& other) const noexcept override { return this == &other; }

  int file_;
  mutable std::mutex mutex_;
  detail::free_ranges free_;                          // of the file
  std::map<std::uintptr_t, std::uintptr_t> offsets_;  // of each block
  std::uintptr_t end_ = 0;
};

}  // namespace loam

#endif

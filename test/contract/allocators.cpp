// Every way of asking for memory, in the uniform dress of Allocator; and the small helpers of the cases.
#include <dlfcn.h>
#include <malloc.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <new>

#include "contract.hpp"

namespace loam::contract {

void* symbol(const char* name) {
  void* found = dlsym(RTLD_DEFAULT, name);
  // glibc keeps cfree for old programs only, under its old version.
  if (found == nullptr) found = dlvsym(RTLD_DEFAULT, name, "GLIBC_2.2.5");
  return found;
}

namespace {

// The first positions one by one, later ones in steps, so that blocks of many MiB cost a few thousand stores.
// Which positions there are doesn't depend on the size: a block filled at one size is verified at a smaller
// one.
template <typename Visit>
bool each_position(std::size_t size, Visit visit) {
  constexpr std::size_t kDense = 8192, kMiddle = std::size_t{4} << 20;
  for (std::size_t i = 0; i < size; i += i < kDense ? 1 : i < kMiddle ? 251 : 65521) {
    if (!visit(i)) return false;
  }
  return true;
}

unsigned char pattern(std::size_t i, unsigned seed) {
  return static_cast<unsigned char>(seed + i * 31 + (i >> 8) * 7);
}

}  // namespace

void fill(void* block, std::size_t size, unsigned seed) {
  auto* bytes = static_cast<unsigned char*>(block);
  each_position(size, [=](std::size_t i) {
    bytes[i] = pattern(i, seed);
    return true;
  });
  // Every byte to the end is the caller's: a block too short shows in its neighbour's head.
  for (std::size_t i = size < 64 ? 0 : size - 64; i < size; ++i) bytes[i] = pattern(i, seed);
}

bool holds(const void* block, std::size_t size, unsigned seed) {
  const auto* bytes = static_cast<const unsigned char*>(block);
  return each_position(size, [=](std::size_t i) { return bytes[i] == pattern(i, seed); });
}

bool all_zero(const void* block, std::size_t size) {
  const auto* bytes = static_cast<const unsigned char*>(block);
  return size == 0 || (bytes[0] == 0 && std::memcmp(bytes, bytes + 1, size - 1) == 0);
}

namespace {

std::size_t statm_field(int index) {
  std::FILE* file = std::fopen("/proc/self/statm", "re");
  if (file == nullptr) return 0;
  std::size_t fields[2] = {0, 0};
  if (std::fscanf(file, "%zu %zu", &fields[0], &fields[1]) != 2) fields[0] = fields[1] = 0;
  std::fclose(file);
  return fields[index] * static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
}

Answer from_null(void* pointer) { return {pointer, pointer == nullptr ? errno : 0, nullptr}; }

Answer from_posix_memalign(std::size_t alignment, std::size_t size) {
  int mark = 0;
  void* pointer = &mark;
  const int before = errno;
  const int code = posix_memalign(&pointer, alignment, size);
  if (code == 0) return {pointer, 0, nullptr};
  Answer answer{nullptr, code, nullptr};
  if (pointer != &mark) answer.violation = "posix_memalign wrote *p though it failed";
  if (errno != before) answer.violation = "posix_memalign changed errno though it returns the error";
  return answer;
}

template <typename F>
Answer from_throwing(F&& allocate) {
  try {
    return {allocate(), 0, nullptr};
  } catch (const std::bad_alloc&) {
    return {nullptr, ENOMEM, nullptr};
  }
}

template <typename F>
F* function(const char* name) {
  return reinterpret_cast<F*>(symbol(name));
}

void add_c_family(std::vector<Allocator>& rows) {
  const auto release = [](void* p) { free(p); };
  const std::size_t page = static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
  const auto row = [&](const char* name, const char* how, std::size_t alignment, bool zeroes, auto allocate) {
    rows.push_back({name, how, alignment, Failure::kNull, zeroes, allocate, release});
  };
  row("malloc", "malloc(n)", 16, false, [](std::size_t n) { return from_null(malloc(n)); });
  row("calloc", "calloc(1, n)", 16, true, [](std::size_t n) { return from_null(calloc(1, n)); });
  row("calloc", "calloc(n, 1)", 16, true, [](std::size_t n) { return from_null(calloc(n, 1)); });
  row("realloc", "realloc(NULL, n)", 16, false, [](std::size_t n) { return from_null(realloc(nullptr, n)); });
  row("reallocarray", "reallocarray(NULL, n, 1)", 16, false,
      [](std::size_t n) { return from_null(reallocarray(nullptr, n, 1)); });
  for (std::size_t a : {std::size_t{16}, std::size_t{64}, page, std::size_t{65536}}) {
    const std::string width = std::to_string(a);
    row("aligned_alloc", ("aligned_alloc(" + width + ", n)").c_str(), a, false,
        [a](std::size_t n) { return from_null(aligned_alloc(a, n)); });
    row("memalign", ("memalign(" + width + ", n)").c_str(), a, false,
        [a](std::size_t n) { return from_null(memalign(a, n)); });
    rows.push_back({"posix_memalign", "posix_memalign(&p, " + width + ", n)", a, Failure::kCode, false,
                    [a](std::size_t n) { return from_posix_memalign(a, n); }, release});
  }
  row("valloc", "valloc(n)", page, false, [](std::size_t n) { return from_null(valloc(n)); });
  row("pvalloc", "pvalloc(n)", page, false, [](std::size_t n) { return from_null(pvalloc(n)); });
}

void add_libc_aliases(std::vector<Allocator>& rows) {
  using One = void*(std::size_t);
  using Two = void*(std::size_t, std::size_t);
  using Resize = void*(void*, std::size_t);
  const auto release = [](void* p) { function<void(void*)>("__libc_free")(p); };
  const std::size_t page = static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
  const auto row = [&](const char* name, const char* how, std::size_t alignment, bool zeroes, auto allocate) {
    if (symbol(name) == nullptr) return;  // reported by the ownership cases
    rows.push_back({name, how, alignment, Failure::kNull, zeroes, allocate, release});
  };
  row("__libc_malloc", "__libc_malloc(n)", 16, false,
      [f = function<One>("__libc_malloc")](std::size_t n) { return from_null(f(n)); });
  row("__libc_calloc", "__libc_calloc(1, n)", 16, true,
      [f = function<Two>("__libc_calloc")](std::size_t n) { return from_null(f(1, n)); });
  row("__libc_realloc", "__libc_realloc(NULL, n)", 16, false,
      [f = function<Resize>("__libc_realloc")](std::size_t n) { return from_null(f(nullptr, n)); });
  row("__libc_memalign", "__libc_memalign(128, n)", 128, false,
      [f = function<Two>("__libc_memalign")](std::size_t n) { return from_null(f(128, n)); });
  row("__libc_valloc", "__libc_valloc(n)", page, false,
      [f = function<One>("__libc_valloc")](std::size_t n) { return from_null(f(n)); });
  row("__libc_pvalloc", "__libc_pvalloc(n)", page, false,
      [f = function<One>("__libc_pvalloc")](std::size_t n) { return from_null(f(n)); });
}

void add_throwing_operators(std::vector<Allocator>& rows) {
  const auto row = [&](const char* how, std::size_t alignment, auto allocate, auto release) {
    rows.push_back({how, how, alignment, Failure::kThrow, false,
                    [allocate](std::size_t n) { return from_throwing([&] { return allocate(n); }); },
                    release});
  };
  constexpr std::align_val_t kWide{256};
  row(
      "operator new(n)", 16, [](std::size_t n) { return ::operator new(n); },
      [](void* p) { ::operator delete(p); });
  row(
      "operator new[](n)", 16, [](std::size_t n) { return ::operator new[](n); },
      [](void* p) { ::operator delete[](p); });
  row(
      "operator new(n, align)", 256, [](std::size_t n) { return ::operator new(n, kWide); },
      [](void* p) { ::operator delete(p, kWide); });
  row(
      "operator new[](n, align)", 256, [](std::size_t n) { return ::operator new[](n, kWide); },
      [](void* p) { ::operator delete[](p, kWide); });
}

void add_nothrow_operators(std::vector<Allocator>& rows) {
  const auto row = [&](const char* how, std::size_t alignment, auto allocate, auto release) {
    rows.push_back({how, how, alignment, Failure::kNullNothrow, false,
                    [allocate](std::size_t n) {
                      void* p = allocate(n);
                      return Answer{p, p == nullptr ? ENOMEM : 0, nullptr};
                    },
                    release});
  };
  constexpr std::align_val_t kWide{256};
  row(
      "operator new(n, nothrow)", 16, [](std::size_t n) { return ::operator new(n, std::nothrow); },
      [](void* p) { ::operator delete(p, std::nothrow); });
  row(
      "operator new[](n, nothrow)", 16, [](std::size_t n) { return ::operator new[](n, std::nothrow); },
      [](void* p) { ::operator delete[](p, std::nothrow); });
  row(
      "operator new(n, align, nothrow)", 256,
      [](std::size_t n) { return ::operator new(n, kWide, std::nothrow); },
      [](void* p) { ::operator delete(p, kWide, std::nothrow); });
  row(
      "operator new[](n, align, nothrow)", 256,
      [](std::size_t n) { return ::operator new[](n, kWide, std::nothrow); },
      [](void* p) { ::operator delete[](p, kWide, std::nothrow); });
}

}  // namespace

void limit_memory(std::size_t extra) {
  const rlim_t limit = statm_field(0) + extra;
  const rlimit bound{limit, limit};
  if (setrlimit(RLIMIT_AS, &bound) != 0) std::abort();
}

std::size_t resident() { return statm_field(1); }

std::size_t mapped() { return statm_field(0); }

std::vector<Allocator> allocators() {
  std::vector<Allocator> rows;
  add_c_family(rows);
  add_libc_aliases(rows);
  add_throwing_operators(rows);
  add_nothrow_operators(rows);
  return rows;
}

}  // namespace loam::contract

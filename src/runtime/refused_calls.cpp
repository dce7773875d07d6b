// Calls that the kernel has refused with EFAULT, since they passed memory that check mode has taken away. The access is made
// here once more: what happens then is what happens when the program itself reads or writes there (faults.cpp).
#include "runtime/checking.hpp"
#include "runtime/interposed.hpp"
#include "sys/probe.hpp"

namespace loam::runtime {

namespace {

constexpr uint64_t kPage = 4096;
// A length that is nonsense must not cost more than a moment.
constexpr uint64_t kMostPages = uint64_t{1} << 18;

void access(uint64_t address, bool write) {
  auto* at = reinterpret_cast<volatile char*>(address);
  char value = 0;
  if (write) {
    // Writes nothing new, but faults as a write does.
    __atomic_compare_exchange_n(at, &value, value, false, __ATOMIC_RELAXED, __ATOMIC_RELAXED);
  } else {
    value = *at;
  }
}

// The first address of the range that faults by our doing; 0: none.
uint64_t first_fault(uint64_t start, uint64_t bytes) {
  const uint64_t end = start + bytes < start ? ~uint64_t{0} : start + bytes;
  uint64_t at = start;
  for (uint64_t i = 0; i < kMostPages && at < end; ++i) {
    if (check::faults(at)) return at;
    at = base::align_down(at, kPage) + kPage;
  }
  return 0;
}

bool try_range(uint64_t start, uint64_t bytes, bool writes) {
  const uint64_t at = first_fault(start, bytes);
  if (at != 0) access(at, writes);
  return at != 0;
}

// A pointer of the program's own may be as bad as it likes.
template <class T>
bool readable(const T* object) {
  static_assert(sizeof(T) % sizeof(uint64_t) == 0);
  const auto at = reinterpret_cast<uint64_t>(object);
  return sys::readable(at) && sys::readable(at + sizeof(T) - sizeof(uint64_t));
}

bool try_parts(const iovec* parts, size_t count, bool writes) {
  if (try_range(reinterpret_cast<uint64_t>(parts), count * sizeof *parts, false)) return true;
  for (size_t i = 0; i < count && readable(&parts[i]); ++i) {
    if (try_range(reinterpret_cast<uint64_t>(parts[i].iov_base), parts[i].iov_len, writes)) return true;
  }
  return false;
}

bool is_on() { return mode() == Mode::kCheck; }

}  // namespace

}  // namespace loam::runtime

extern "C" __attribute__((visibility("default"))) void loam_check_refused(const void* start, size_t bytes,
                                                                          int writes) {
  if (loam::runtime::is_on()) loam::runtime::try_range(reinterpret_cast<uint64_t>(start), bytes, writes != 0);
}

extern "C" __attribute__((visibility("default"))) void loam_check_refused_text(const char* text) {
  auto at = reinterpret_cast<uint64_t>(text);
  if (!loam::runtime::is_on() || loam::runtime::try_range(at, 1, false)) return;
  // On a page that can be read the text may still lead to one that cannot.
  const uint64_t page = loam::base::align_down(at, loam::runtime::kPage);
  const uint64_t next = page + loam::runtime::kPage;
  if (!loam::check::faults(next) || !loam::sys::readable(page)) return;
  while (at < next && *reinterpret_cast<const volatile char*>(at) != '\0') ++at;
  if (at == next) loam::runtime::try_range(next, 1, false);
}

extern "C" __attribute__((visibility("default"))) void loam_check_refused_parts(const struct iovec* parts,
                                                                                size_t count, int writes) {
  if (loam::runtime::is_on()) loam::runtime::try_parts(parts, count, writes != 0);
}

extern "C" __attribute__((visibility("default"))) void loam_check_refused_message(
    const struct msghdr* message, int writes) {
  if (!loam::runtime::is_on() ||
      loam::runtime::try_range(reinterpret_cast<uint64_t>(message), sizeof *message, false) ||
      !loam::runtime::readable(message))
    return;
  const bool fills = writes != 0;
  if (!loam::runtime::try_parts(message->msg_iov, message->msg_iovlen, fills) &&
      !loam::runtime::try_range(reinterpret_cast<uint64_t>(message->msg_name), message->msg_namelen, fills))
    loam::runtime::try_range(reinterpret_cast<uint64_t>(message->msg_control), message->msg_controllen,
                             fills);
}

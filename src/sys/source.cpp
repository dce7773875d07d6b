#include "sys/source.hpp"

#include "base/bits.hpp"
#include "sys/kernel.hpp"
#include "sys/sanitizer.hpp"

namespace loam::sys {

namespace {
// A range that neither programs (from 4 MiB, and from 85 TiB when position independent), nor libraries and stacks
// (below 128 TiB) nor the address pools of other runtimes use, so that the window can grow without reserving it.
// The thread sanitizer has given those addresses to its tables, and leaves the program this range.
constexpr uint64_t kLowestStart = LOAM_WATCHED_THREADS ? uint64_t{0x7e8000000000} : uint64_t{16} << 40;
constexpr uint64_t kStartChoices = LOAM_WATCHED_THREADS ? 1 : uint64_t{1} << 15;
constexpr uint64_t kStartStep = uint64_t{1} << 30;
constexpr int kDetours = 24;
}  // namespace

bool Source::open(SourceKind kind, const char* path) {
  kind_ = kind;
  if (kind == SourceKind::kBreak) initial_break_ = highest_break_ = current_break();
  if (kind == SourceKind::kFile) descriptor_ = open_unlinked(path);
  return kind != SourceKind::kFile || descriptor_ >= 0;
}

char* Source::window_start(size_t alignment) {
  if (kind_ == SourceKind::kBreak)
    return reinterpret_cast<char*>(base::align_up(reinterpret_cast<uint64_t>(initial_break_), alignment));
  return reinterpret_cast<char*>(kLowestStart + (random_bits() >> 40) % kStartChoices * kStartStep);
}

char* Source::extend_break(char* end, size_t bytes, size_t step, char* limit) {
  char* top = current_break();
  // Somebody else may have moved the break: our window then continues above what is theirs.
  while (end < top) end += step;
  if (limit < end || static_cast<size_t>(limit - end) < bytes) return nullptr;
  if (!move_break(top, end + bytes)) return nullptr;
  if (highest_break_ < end + bytes) highest_break_ = end + bytes;
  return end;
}

char* Source::extend(char* end, size_t bytes, size_t step, char* limit) {
  if (kind_ == SourceKind::kBreak) return extend_break(end, bytes, step, limit);
  if (kind_ == SourceKind::kFile && !grow_file(descriptor_, file_bytes_ + bytes)) return nullptr;
  size_t detour = step;
  for (int attempt = 0; attempt < kDetours; ++attempt) {
    if (limit < end || static_cast<size_t>(limit - end) < bytes) return nullptr;
    const Mapping made =
        kind_ == SourceKind::kFile ? map_file_at(end, bytes, descriptor_, file_bytes_) : map_at(end, bytes);
    if (made.address != nullptr) {
      file_bytes_ += bytes;
      return end;
    }
    if (!made.occupied) return nullptr;
    end += detour;
    detour *= 2;
  }
  return nullptr;
}

bool Source::shrink(char* end, char* from) {
  return kind_ == SourceKind::kBreak && current_break() == end && move_break(end, from);
}

}  // namespace loam::sys

// glibc's questions about the heap: mallinfo, malloc_stats, malloc_info, malloc_trim, mallopt.
#include <errno.h>
#include <malloc.h>
#include <stdio.h>

#include "base/text.hpp"
#include "heap/outside.hpp"
#include "heap/regions.hpp"
#include "heap/walk.hpp"
#include "preload/export.hpp"
#include "runtime/runtime.hpp"
#include "sys/kernel.hpp"

namespace {

namespace heap = loam::heap;
using loam::base::Text;

// The fields as malloc_info(3) and psutil's users read them: what is in use, what is free inside, what lies in
// mappings of its own.
struct mallinfo2 collect() {
  heap::Figures figures;
  heap::measure(&figures);
  struct mallinfo2 info{};
  const size_t free_bytes = figures.free_in_span_bytes + figures.dirty_bytes;
  size_t free_blocks = 0;
  for (const heap::ClassFigures& of_class : figures.classes) free_blocks += of_class.free_blocks;
  info.arena = figures.mapped_bytes - figures.outside_bytes;
  info.ordblks = free_blocks;
  info.hblks = figures.outside_blocks;
  info.hblkhd = figures.outside_bytes;
  info.uordblks = figures.live_bytes - figures.outside_bytes;
  info.fordblks = free_bytes;
  info.keepcost = figures.dirty_bytes;
  return info;
}

// glibc's own narrow form wraps; a cut at the largest int is at least not negative.
int narrow(size_t value) { return value > INT32_MAX ? INT32_MAX : static_cast<int>(value); }

}  // namespace

LOAM_EXPORT struct mallinfo2 mallinfo2(void) noexcept { return collect(); }

namespace {

struct mallinfo collect_narrow() {
  const struct mallinfo2 wide = collect();
  struct mallinfo info{};
  info.arena = narrow(wide.arena);
  info.ordblks = narrow(wide.ordblks);
  info.hblks = narrow(wide.hblks);
  info.hblkhd = narrow(wide.hblkhd);
  info.uordblks = narrow(wide.uordblks);
  info.fordblks = narrow(wide.fordblks);
  info.keepcost = narrow(wide.keepcost);
  return info;
}

}  // namespace

LOAM_EXPORT struct mallinfo mallinfo(void) noexcept { return collect_narrow(); }
LOAM_EXPORT struct mallinfo __libc_mallinfo(void) { return collect_narrow(); }

LOAM_EXPORT void malloc_stats(void) noexcept {
  heap::Figures figures;
  heap::measure(&figures);
  Text text;
  text.add("loam ").add(LOAM_VERSION).add(": ").add(figures.live_blocks).add(" live blocks of ");
  text.add(figures.live_bytes).add(" bytes, ").add(figures.free_in_span_bytes).add(" free in spans, ");
  text.add(figures.dirty_bytes).add(" kept for reuse, ").add(figures.metadata_bytes).add(" metadata, ");
  text.add(figures.mapped_bytes).add(" mapped, ").add(figures.heaps).add(" heaps\n");
  loam::sys::write_error(text.data(), text.size());
}

LOAM_EXPORT int malloc_info(int options, FILE* stream) noexcept {
  if (options != 0) {
    errno = EINVAL;
    return -1;
  }
  // The text first: writing to the stream may allocate.
  const struct mallinfo2 info = collect();
  Text text;
  text.add("<malloc version=\"loam ").add(LOAM_VERSION).add("\">\n");
  text.add("<total type=\"used\" size=\"").add(info.uordblks).add("\"/>\n");
  text.add("<total type=\"rest\" count=\"")
      .add(info.ordblks)
      .add("\" size=\"")
      .add(info.fordblks)
      .add("\"/>\n");
  text.add("<total type=\"mmap\" count=\"").add(info.hblks).add("\" size=\"").add(info.hblkhd).add("\"/>\n");
  text.add("<system type=\"current\" size=\"").add(info.arena).add("\"/>\n</malloc>\n");
  return fputs(text.data(), stream) < 0 ? -1 : 0;
}

LOAM_EXPORT int malloc_trim(size_t) noexcept { return loam::runtime::trim() ? 1 : 0; }

namespace {

// What glibc understands is accepted, since programs check the answer; none of it has a counterpart here.
bool is_known(int parameter) {
  switch (parameter) {
    case M_MXFAST:
    case M_TRIM_THRESHOLD:
    case M_TOP_PAD:
    case M_MMAP_THRESHOLD:
    case M_MMAP_MAX:
    case M_CHECK_ACTION:
    case M_PERTURB:
    case M_ARENA_TEST:
    case M_ARENA_MAX:
      return true;
    default:
      return false;
  }
}

}  // namespace

LOAM_EXPORT int mallopt(int parameter, int) noexcept { return is_known(parameter) ? 1 : 0; }
LOAM_EXPORT int __libc_mallopt(int parameter, int) { return is_known(parameter) ? 1 : 0; }

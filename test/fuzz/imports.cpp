// The readers of what heaptrack and mtrace() wrote: whatever the bytes, they end, heaptrack's events make a heap, and each stack that is named
// has frames. The input is read as a file, and once more packed by gzip and by zstd.

#include <sys/mman.h>
#include <unistd.h>
#include <zlib.h>
#include <zstd.h>

#include <map>

#include "target.hpp"
#include "tool/model/failure.hpp"
#include "tool/model/heaptrack_events.hpp"
#include "tool/model/mtrace_events.hpp"
#include "tool/model/operations.hpp"

namespace {

using namespace loam;

void check_event(const tool::HeapEvent& event, std::map<std::uint64_t, std::uint64_t>& live) {
  if (event.kind == tool::HeapEvent::Kind::kFree) {
    LOAM_FUZZ_CHECK(live.erase(event.address) == 1);
    return;
  }
  LOAM_FUZZ_CHECK(event.address % 16 == 0);
  const auto next = live.lower_bound(event.address);
  LOAM_FUZZ_CHECK(next == live.end() || next->first >= event.address + event.size);
  LOAM_FUZZ_CHECK(next == live.begin() || std::prev(next)->first + std::prev(next)->second <= event.address);
  LOAM_FUZZ_CHECK(live.emplace(event.address, event.size).second);
}

// `most`: events that such a file can have. `own_addresses`: they were made up by the reader.
void read_events(tool::HeapEvents& events, std::size_t most, bool own_addresses) {
  std::map<std::uint64_t, std::uint64_t> live;
  std::size_t count = 0;
  for (tool::HeapEvent event; events.next(event);) {
    LOAM_FUZZ_CHECK(++count <= most);
    if (own_addresses) check_event(event, live);
    const auto frames = events.frames(event.stack);
    LOAM_FUZZ_CHECK(!frames.empty() && !frames.back().inlined);
  }
  LOAM_FUZZ_CHECK(!events.facts().remarks.empty());
  events.rewind();
  std::size_t again = 0;
  for (tool::HeapEvent event; events.next(event);) ++again;
  LOAM_FUZZ_CHECK(again == count);
}

void read_operations(tool::OperationSource& source) {
  std::vector<tool::Operation> piece;
  do {
    source.next(piece);
  } while (!piece.empty());
}

void read_all(const void* data, std::size_t size, std::size_t plain) {
  const int file = memfd_create("loam-fuzz", MFD_CLOEXEC);
  LOAM_FUZZ_CHECK(file >= 0);
  LOAM_FUZZ_CHECK(write(file, data, size) == static_cast<ssize_t>(size));
  const std::string path = "/proc/self/fd/" + std::to_string(file);
  try {
    if (tool::is_heaptrack(path)) {
      tool::HeaptrackEvents events(path);
      read_events(events, plain, true);
      read_operations(*tool::open_heaptrack(path));
    } else if (tool::is_mtrace(path)) {
      tool::MtraceEvents events(path);
      read_events(events, plain, false);
      read_operations(*tool::open_mtrace(path));
    }
  } catch (const tool::Failure&) {
    // Not such a file after all: it says so.
  }
  close(file);
}

std::string gzipped(const std::uint8_t* data, std::size_t size) {
  z_stream stream{};
  LOAM_FUZZ_CHECK(deflateInit2(&stream, 1, Z_DEFLATED, MAX_WBITS + 16, 8, Z_DEFAULT_STRATEGY) == Z_OK);
  std::string out(deflateBound(&stream, size) + 64, '\0');
  stream.next_in = const_cast<Bytef*>(data);
  stream.avail_in = static_cast<uInt>(size);
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  LOAM_FUZZ_CHECK(deflate(&stream, Z_FINISH) == Z_STREAM_END);
  out.resize(stream.total_out);
  deflateEnd(&stream);
  return out;
}

}  // namespace

std::vector<std::string> fuzz_seeds() {
  const std::string whole =
      "v 10400 3\nX ./some program\nI 1000 5e2922\ns 4 main\ns 6 some.c\ns 4 make\n"
      "i 401000 0 1 2 14\nt 1 0\ni 401100 2 3 2 5 1 2 1e\nt 2 1\na 64 2\n+ 0\n+ 0\nc 5\na 3e8 1\n+ 1\n- 1\n- "
      "0\nR 400\nc 1f4\n# end\n";
  const auto* bytes = reinterpret_cast<const std::uint8_t*>(whole.data());
  std::string zstd(ZSTD_compressBound(whole.size()), '\0');
  zstd.resize(ZSTD_compress(zstd.data(), zstd.size(), whole.data(), whole.size(), 1));
  return {whole, "v 10200 2\ns main\na 10 1\n+ 0\nA\n- 0\n- 0\n", gzipped(bytes, whole.size()), zstd,
          "= Start\n@ ./a:(main+0x1b)[0x401136] + 0x1000 0x20\n@ ./a:[0x401140] < 0x1000\n@ ./a:[0x401140] > "
          "0x2000 0x40\n"
          "@ a < 0x2000\n@ a ! 0x2000 0x40\n@ ./a - 0x2000\n@ ./a - 0x2000\n= End\n"};
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  // What is packed may unpack to anything: then the number of events has no bound that is known here.
  read_all(data, size, std::size_t{1} << 30);
  const std::string packed = gzipped(data, size);
  read_all(packed.data(), packed.size(), size);
  std::string zstd(ZSTD_compressBound(size), '\0');
  zstd.resize(ZSTD_compress(zstd.data(), zstd.size(), data, size, 1));
  read_all(zstd.data(), zstd.size(), size);
  return 0;
}

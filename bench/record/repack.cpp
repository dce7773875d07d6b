// repack RECORDING [TIMES]: what the tool's side of a recording costs without the program: its events, read into memory, are written again.
// Says how much processor time an event takes, in the packing of columns and in the rest (compression and check sums), least of all times.
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <vector>

#include "sys/kernel.hpp"
#include "tool/model/failure.hpp"
#include "tool/model/recording_reader.hpp"
#include "tool/model/recording_writer.hpp"

namespace {

using loam::tool::RecordedEvent;

constexpr std::size_t kAhead = 16;  // as many events are decoded before they are added

void repack(const char* path, int times) {
  std::vector<RecordedEvent> events;
  loam::tool::RecordingReader reader(path);
  for (RecordedEvent event; reader.next(event);) events.push_back(event);
  double packing = 1e9;
  double all = 1e9;
  std::uint64_t bytes = 0;
  for (int i = 0; i < times; ++i) {
    loam::tool::EventPacker packer;
    std::uint64_t begin = loam::sys::thread_cpu_ns();
    std::size_t plain = 0;
    for (std::size_t n = 0; n < events.size(); ++n) {
      packer.expect(events[std::min(n + kAhead, events.size() - 1)].address);
      packer.add(events[n]);
      if (packer.count() < loam::tool::EventPacker::kMostEvents) continue;
      plain += packer.parts()[1].size();
      packer.begin_block();
    }
    packing = std::min(packing, static_cast<double>(loam::sys::thread_cpu_ns() - begin));
    begin = loam::sys::thread_cpu_ns();
    loam::tool::RecordingWriter writer("/dev/null", "{}");
    for (std::size_t n = 0; n < events.size(); ++n) {
      writer.expect(events[std::min(n + kAhead, events.size() - 1)].address);
      writer.add(events[n]);
    }
    writer.finish("{}");
    bytes = writer.bytes();
    all = std::min(all, static_cast<double>(loam::sys::thread_cpu_ns() - begin));
    if (plain == 1) std::puts("");  // so that nothing is left out
  }
  const auto count = static_cast<double>(events.size());
  std::printf("%s: %zu events, packing %.1f ns, all %.1f ns, %.2f bytes an event\n", path, events.size(),
              packing / count, all / count, static_cast<double>(bytes) / count);
}

}  // namespace

int main(int argc, char** argv) {
  try {
    repack(argc > 1 ? argv[1] : "", argc > 2 ? std::atoi(argv[2]) : 3);
  } catch (const loam::tool::Failure& failure) {
    std::fprintf(stderr, "repack: %s\n", failure.what());
    return failure.status();
  }
  return 0;
}

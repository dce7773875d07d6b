// The reader of recordings: whatever the bytes, it ends in events and a remark, never in a fault or an endless loop. The input is read twice:
// as a file, and as the plain content of blocks that are packed for it, or its check sums would keep most of it out.

#include <sys/mman.h>
#include <unistd.h>
#include <zstd.h>

#include <cstring>

#include "target.hpp"
#include "tool/model/failure.hpp"
#include "tool/model/recording_reader.hpp"

namespace {

using namespace loam;

// A byte for its kind, two for its length, one for its count of events; then its content.
std::string as_blocks(const std::uint8_t* data, std::size_t size) {
  const format::RecordingHead head{format::kRecordingMagic, format::kRecordingVersion, 0};
  std::string file(reinterpret_cast<const char*>(&head), sizeof head);
  while (size > 4) {
    const std::size_t wanted = static_cast<std::size_t>(data[1] | data[2] << 8);
    const std::size_t bytes = wanted < size - 4 ? wanted : size - 4;
    std::string packed(ZSTD_compressBound(bytes), '\0');
    packed.resize(ZSTD_compress(packed.data(), packed.size(), data + 4, bytes, 1));
    format::BlockHead block{};
    block.mark = format::kBlockMark;
    block.kind = static_cast<format::BlockKind>(data[0] % 7);
    block.packed = static_cast<std::uint32_t>(packed.size());
    block.plain = static_cast<std::uint32_t>(bytes);
    block.count = data[3];
    block.check = tool::packed_check(packed);
    block.before = data[0] / 7;
    block.head_check = tool::head_check(block);
    file.append(reinterpret_cast<const char*>(&block), sizeof block).append(packed);
    data += 4 + bytes;
    size -= 4 + bytes;
  }
  return file;
}

void read_all(const void* data, std::size_t size) {
  const int file = memfd_create("loam-fuzz", MFD_CLOEXEC);
  LOAM_FUZZ_CHECK(file >= 0);
  LOAM_FUZZ_CHECK(write(file, data, size) == static_cast<ssize_t>(size));
  try {
    tool::RecordingReader reader("/proc/self/fd/" + std::to_string(file));
    tool::RecordedEvent event;
    std::uint64_t count = 0;
    while (reader.next(event)) LOAM_FUZZ_CHECK(++count <= 256 * (size + 1));
    LOAM_FUZZ_CHECK(reader.events() == count);
    LOAM_FUZZ_CHECK(!reader.remark().empty() || !reader.end().empty());
  } catch (const tool::Failure&) {
    // Not a recording: it says so.
  }
  close(file);
}

}  // namespace

std::vector<std::string> fuzz_seeds() {
  const format::RecordingHead head{format::kRecordingMagic, format::kRecordingVersion, 0};
  std::vector<std::string> seeds = {std::string(reinterpret_cast<const char*>(&head), sizeof head)};
  // A block of two allocations and the free of the first, then the end.
  tool::EventPacker packer;
  packer.add({1000, 0x1000, 24, 7, 3, 4, false, false});
  packer.add({2000, 0x1020, 24, 7, 3, 12, false, false});
  packer.add({3000, 0x1000, 0, 8, 0, 4, true, true});
  std::string columns;
  for (const std::string_view part : packer.parts()) columns += part;
  std::string seed = {2, static_cast<char>(columns.size()), 0, 3};
  seed += columns;
  seed += std::string{5, 2, 0, 0} + "{}";
  seeds.push_back(seed);
  return seeds;
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  read_all(data, size);
  const std::string file = as_blocks(data, size);
  read_all(file.data(), file.size());
  return 0;
}

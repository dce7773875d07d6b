// The reader of unwind tables, from the search in .eh_frame_hdr to the registers of the caller: any bytes at all end in an answer or in
// none, never in a read outside of the tables, a fault or an endless loop.

#include <sys/mman.h>
#include <unistd.h>

#include <cstring>

#include "stack/eh_frame.hpp"
#include "stack/row.hpp"
#include "stack/step.hpp"
#include "target.hpp"

namespace {

using namespace loam::stack;

// The functions of the seeds lie at this distance from the tables, one after the other.
constexpr std::uint32_t kFunctions = 0x10000;
constexpr std::uint32_t kFunctionBytes = 0x100;

// The tables end at the last byte before a page that may not be touched, and begin at the first behind one.
class GuardedTables {
 public:
  GuardedTables() {
    const auto page = static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
    void* at = mmap(nullptr, kRoom + 2 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    LOAM_FUZZ_CHECK(at != MAP_FAILED);
    start_ = static_cast<std::uint8_t*>(at) + page;
    LOAM_FUZZ_CHECK(mprotect(at, page, PROT_NONE) == 0);
    LOAM_FUZZ_CHECK(mprotect(start_ + kRoom, page, PROT_NONE) == 0);
  }

  FrameTable hold(const std::uint8_t* data, std::size_t size) {
    const std::size_t kept = size < kRoom ? size : kRoom;
    std::uint8_t* begin = start_ + kRoom - kept;
    if (kept != 0) std::memcpy(begin, data, kept);
    return {begin, begin, begin + kept};
  }

 private:
  static constexpr std::size_t kRoom = 1 << 16;
  std::uint8_t* start_;
};

void put(std::string& out, std::uint32_t word) { out.append(reinterpret_cast<const char*>(&word), 4); }

void put_record(std::string& out, std::uint32_t id, std::string content) {
  while (content.size() % 4 != 0) content.push_back('\0');
  put(out, static_cast<std::uint32_t>(content.size() + 4));
  put(out, id);
  out += content;
}

// Header, CIE and FDEs as linkers write them, with these instructions in the functions.
std::string tables(const std::vector<std::string>& functions, const std::string& letters) {
  const auto count = static_cast<std::uint32_t>(functions.size());
  const std::uint32_t frames = 12 + 8 * count;
  std::string records;
  put_record(records, 0, "\x01" + letters + std::string("\0\x01\x78\x10\x01\x1b\x0c\x07\x08\x90\x01", 11));
  std::string header("\x01\x1b\x03\x3b", 4);
  put(header, frames - 4);
  put(header, count);
  for (std::uint32_t i = 0; i < count; ++i) {
    const auto place = static_cast<std::uint32_t>(records.size());
    put(header, kFunctions + i * kFunctionBytes);
    put(header, frames + place);
    std::string content;
    put(content, kFunctions + i * kFunctionBytes - (frames + place + 8));
    put(content, kFunctionBytes);
    put_record(records, place + 4, content + std::string(1, '\0') + functions[i]);
  }
  put(records, 0);
  return header + records;
}

}  // namespace

std::vector<std::string> fuzz_seeds() {
  const std::vector<std::string> functions = {
      std::string("\x41\x0e\x10\x86\x02\x43\x0d\x06\x70\x0c\x07\x08", 12),
      std::string("\x0a\x48\x0e\x40\x42\x0b\x02\x20\x07\x10", 10),
      std::string("\x0f\x03\x76\x78\x06\x10\x06\x02\x76\x00\x16\x03\x01\x30", 14),
      std::string("\x0f\x0b\x77\x08\x80\x00\x3f\x1a\x3b\x2a\x33\x24\x22", 13),
      std::string("\x05\x03\x04\x11\x0c\x7d\x14\x0d\x02\x09\x0e\x0f\x2e\x10\x03\x10\x00\x04\x10\x00\x00\x00",
                  22),
  };
  std::string unsorted = tables(functions, "zR");
  unsorted[3] = '\xff';
  return {tables(functions, "zR"), tables(functions, "zRS"), unsorted, tables({functions[0]}, "zPLR"), ""};
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static GuardedTables guarded;
  const FrameTable table = guarded.hold(data, size);
  const auto base = reinterpret_cast<std::uint64_t>(table.begin);
  for (std::uint64_t pc = base + kFunctions; pc < base + kFunctions + 6 * kFunctionBytes;
       pc += kFunctionBytes / 4) {
    Entry entry;
    if (!find_entry(table, pc, entry)) continue;
    LOAM_FUZZ_CHECK(entry.start <= pc && pc < entry.end);
    LOAM_FUZZ_CHECK(table.begin <= entry.common && entry.common <= entry.common_end &&
                    entry.common_end <= table.end);
    LOAM_FUZZ_CHECK(table.begin <= entry.own && entry.own <= entry.own_end && entry.own_end <= table.end);
    Rules rules;
    if (!run_rules(entry, pc, rules)) continue;
    const Row row = row_of(rules, entry.signal_frame);
    LOAM_FUZZ_CHECK(Row::unpacked(row.packed()).packed() == row.packed());
    // A stack of the tables themselves: whatever is read there may be a register or an address next.
    Registers registers{};
    for (unsigned i = 0; i < kRegisterCount; ++i) registers.set(i, base + 8 * i);
    Memory memory;
    for (int frames = 0; frames < 4; ++frames) {
      if (apply(rules, registers, memory) != Step::kCaller) break;
    }
  }
  return 0;
}

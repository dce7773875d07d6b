#include "tool/model/counter_file.hpp"

#include <algorithm>

namespace loam::tool {

CounterFile::CounterFile(bool follow) : file_("counters", format::file_bytes(format::kSlotCapacity)) {
  format::CounterHeader& head = header();
  head.version.store(format::kCounterVersion);
  head.header_bytes.store(format::kHeaderBytes);
  head.slot_bytes.store(format::kSlotBytes);
  head.capacity.store(format::kSlotCapacity);
  head.follow.store(follow ? 1 : 0);
  head.magic.store(format::kCounterMagic, std::memory_order_release);
}

const format::CounterSlot& CounterFile::slot(std::uint64_t index) const {
  const char* at = static_cast<const char*>(file_.base()) + format::slot_offset(index);
  return *reinterpret_cast<const format::CounterSlot*>(at);
}

std::uint64_t CounterFile::slots() const { return std::min(header().claimed.load(), format::kSlotCapacity); }

std::uint64_t CounterFile::dropped() const { return header().claimed.load() - slots(); }

}  // namespace loam::tool

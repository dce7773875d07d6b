#include "tool/model/heap_sums.hpp"

#include <unordered_map>

#include "tool/model/live_blocks.hpp"

namespace loam::tool {
namespace {

constexpr std::uint64_t kNoAddress = ~std::uint64_t{0};

// What a stack held at the peak is copied only when it changes after one: most events of a growing heap are a new peak.
struct Entry {
  HeapSums sums;
  std::uint64_t peak = 0;  // the number of the peak that sums.peak_* are of
};

class SumBook {
 public:
  void add(const HeapEvent& event) {
    ++events_;
    if (event.kind == HeapEvent::Kind::kFree) {
      release(event, event.address);
    } else {
      if (event.kind == HeapEvent::Kind::kResize && event.old_address != 0) release(event, event.old_address);
      allocate(event);
    }
  }

  RecordingSums finish() {
    RecordingSums out;
    out.sizes = sizes_;
    out.events = events_;
    for (auto& [stack, entry] : entries_) {
      keep_peak(entry);
      out.whole += entry.sums;
      out.stacks.emplace(stack, entry.sums);
    }
    return out;
  }

 private:
  struct Block {
    std::uint64_t size = 0;
    Entry* entry = nullptr;  // maps do not move what is in them
  };

  void keep_peak(Entry& entry) const {
    if (entry.peak == peaks_) return;
    entry.peak = peaks_;
    entry.sums.peak_bytes = entry.sums.live_bytes;
    entry.sums.peak_blocks = entry.sums.live_blocks;
  }

  void retire(const Block& block) {
    keep_peak(*block.entry);
    block.entry->sums.live_bytes -= block.size;
    --block.entry->sums.live_blocks;
    live_bytes_ -= block.size;
  }

  void release(const HeapEvent& event, std::uint64_t address) {
    Block block;
    if (!live_.take(address, block)) return;
    retire(block);
    if (event.kind != HeapEvent::Kind::kFree || event.is_half) return;
    std::uint64_t& last = last_of_thread_.try_emplace(event.thread, kNoAddress).first->second;
    if (last != address) return;
    last = kNoAddress;
    ++block.entry->sums.temporary;
    block.entry->sums.temporary_bytes += block.size;
  }

  void allocate(const HeapEvent& event) {
    Entry& entry = entries_[event.stack];
    keep_peak(entry);
    bool is_new = false;
    Block& block = live_.at(event.address, is_new);
    if (!is_new) retire(block);  // its free was lost: it cannot be there any longer
    block = {event.size, &entry};
    ++entry.sums.allocations;
    entry.sums.bytes += event.size;
    entry.sums.live_bytes += event.size;
    ++entry.sums.live_blocks;
    live_bytes_ += event.size;
    const std::uint32_t bin = size_bin(event.size);
    ++sizes_.allocations[bin];
    sizes_.bytes[bin] += event.size;
    last_of_thread_[event.thread] = event.address;
    if (live_bytes_ <= peak_bytes_) return;
    peak_bytes_ = live_bytes_;
    ++peaks_;
  }

  LiveBlocks<Block> live_;
  std::unordered_map<std::uint32_t, Entry> entries_;
  std::unordered_map<std::uint32_t, std::uint64_t> last_of_thread_;  // address of its last allocation
  SizeSums sizes_;
  std::uint64_t events_ = 0;
  std::uint64_t live_bytes_ = 0;
  std::uint64_t peak_bytes_ = 0;
  std::uint64_t peaks_ = 0;
};

}  // namespace

HeapSums& HeapSums::operator+=(const HeapSums& more) {
  allocations += more.allocations;
  bytes += more.bytes;
  peak_bytes += more.peak_bytes;
  peak_blocks += more.peak_blocks;
  live_bytes += more.live_bytes;
  live_blocks += more.live_blocks;
  temporary += more.temporary;
  temporary_bytes += more.temporary_bytes;
  return *this;
}

RecordingSums sum_up(HeapEvents& events) {
  SumBook book;
  events.rewind();
  HeapEvent event;
  while (events.next(event)) {
    if (is_plausible(event)) book.add(event);
  }
  return book.finish();
}

}  // namespace loam::tool

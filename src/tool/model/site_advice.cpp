#include "tool/model/site_advice.hpp"

#include <algorithm>

namespace loam::tool {
namespace {

constexpr std::uint64_t kArenaChunk = std::uint64_t{64} << 10;
constexpr std::uint64_t kPoolChunk = 4096;
constexpr std::uint64_t kLeastSlots = 16;
constexpr std::uint64_t kGranule = 16;
constexpr std::uint64_t kLargestInPool = 2048;

std::uint64_t rounded(std::uint64_t size) {
  return (std::max<std::uint64_t>(size, 1) + kGranule - 1) / kGranule * kGranule;
}
std::uint64_t slots_of(std::uint64_t size) { return std::max(kLeastSlots, kPoolChunk / rounded(size)); }

}  // namespace

std::uint32_t SiteBook::site_of(std::uint32_t stack) {
  const auto [known, is_new] = numbers_.try_emplace(stack, static_cast<std::uint32_t>(sites_.size()));
  if (is_new) {
    sites_.emplace_back();
    stacks_.push_back(stack);
  }
  return known->second;
}

void SiteBook::add(std::span<const Operation> operations, std::span<const OperationOrigin> origins) {
  operations_ += operations.size();
  for (std::size_t i = 0; i < operations.size(); ++i) {
    const Operation& operation = operations[i];
    if (operation.block >= blocks_.size())
      blocks_.resize(operation.block + std::size_t{1} + blocks_.size() / 2);
    Block& block = blocks_[operation.block];
    switch (operation.kind) {
      case OperationKind::kAllocate:
        allocate(block, operation.size, origins[i].stack);
        break;
      case OperationKind::kRelease:
        release(block);
        break;
      case OperationKind::kResize: {
        Site& site = sites_[block.site];
        ++site.resizes;
        site.live_bytes += operation.size - block.size;
        site.peak_bytes = std::max(site.peak_bytes, site.live_bytes);
        block.size = operation.size;
      }
    }
  }
}

void SiteBook::allocate(Block& block, std::uint64_t size, std::uint32_t stack) {
  block = {site_of(stack), size};
  Site& site = sites_[block.site];
  ++site.allocations;
  site.bytes += size;
  site.phase_bytes += rounded(size);
  site.phase_most = std::max(site.phase_most, site.phase_bytes);
  site.live_bytes += size;
  site.peak_bytes = std::max(site.peak_bytes, site.live_bytes);
  site.peak_blocks = std::max(site.peak_blocks, ++site.live_blocks);
  site.smallest = std::min(site.smallest, size);
  site.largest = std::max(site.largest, size);
}

void SiteBook::release(Block& block) {
  Site& site = sites_[block.site];
  ++site.frees;
  site.live_bytes -= block.size;
  if (--site.live_blocks != 0) return;
  ++site.phases;
  site.phase_bytes = 0;
}

// What has died in a phase stays until its end: that must be little beside what lives. A resize would leave the old place behind.
bool SiteBook::fits_arena(const Site& site) {
  const std::uint64_t phases = site.phases + (site.live_blocks != 0 ? 1 : 0);
  return site.resizes == 0 && site.allocations >= 16 * phases &&
         site.phase_most <= rounded(site.peak_bytes + site.peak_bytes / 4 + kGranule * site.peak_blocks);
}

bool SiteBook::fits_pool(const Site& site) {
  return site.resizes == 0 && site.largest <= kLargestInPool &&
         rounded(site.smallest) == rounded(site.largest) && site.allocations >= 4 * site.peak_blocks &&
         site.peak_blocks >= kLeastSlots;
}

std::vector<SiteAdvice> SiteBook::choose() const {
  constexpr std::size_t kMost = 5;
  std::vector<SiteAdvice> chosen;
  for (std::size_t i = 0; i < sites_.size(); ++i) {
    const Site& site = sites_[i];
    const bool matters = 100 * (site.allocations + site.frees) >= operations_;
    const bool arena = fits_arena(site);
    if (stacks_[i] == 0 || !matters || (!arena && !fits_pool(site))) continue;
    chosen.push_back({stacks_[i], arena ? SiteManager::kArena : SiteManager::kPool, site.allocations,
                      site.frees, site.bytes, site.peak_bytes, site.peak_blocks, site.phases, site.largest,
                      0});
  }
  std::sort(chosen.begin(), chosen.end(), [](const SiteAdvice& one, const SiteAdvice& other) {
    return one.allocations != other.allocations ? one.allocations > other.allocations
                                                : one.stack < other.stack;
  });
  if (chosen.size() > kMost) chosen.resize(kMost);
  return chosen;
}

ManagedOperations::ManagedOperations(std::vector<SiteAdvice> sites, std::uint32_t first_number)
    : sites_(std::move(sites)), managers_(sites_.size()), next_(first_number) {
  for (std::size_t i = 0; i < sites_.size(); ++i)
    site_of_stack_[sites_[i].stack] = static_cast<std::uint32_t>(i + 1);
}

void ManagedOperations::replace(std::span<const Operation> operations,
                                std::span<const OperationOrigin> origins, std::vector<Operation>& out) {
  out.clear();
  for (std::size_t i = 0; i < operations.size(); ++i) {
    const Operation& operation = operations[i];
    if (operation.block >= site_of_block_.size())
      site_of_block_.resize(operation.block + std::size_t{1} + site_of_block_.size() / 2);
    std::uint32_t& site = site_of_block_[operation.block];
    if (operation.kind == OperationKind::kAllocate) {
      const auto found = site_of_stack_.find(origins[i].stack);
      site = found == site_of_stack_.end() ? 0 : found->second;
    }
    if (site == 0) {
      out.push_back(operation);
    } else if (operation.kind == OperationKind::kRelease) {
      release(site - 1, out);
    } else if (operation.kind == OperationKind::kAllocate) {
      allocate(site - 1, operation.size, out);
    }
  }
}

void ManagedOperations::add_chunk(std::uint32_t site, std::uint64_t bytes, std::vector<Operation>& out) {
  std::uint32_t number = next_;
  if (unused_.empty()) {
    ++next_;
  } else {
    number = unused_.back();
    unused_.pop_back();
  }
  managers_[site].chunks.push_back(number);
  out.push_back({bytes, number, OperationKind::kAllocate, 0});
  ++sites_[site].operations;
}

void ManagedOperations::allocate(std::uint32_t site, std::uint64_t size, std::vector<Operation>& out) {
  Manager& manager = managers_[site];
  ++manager.live;
  const bool is_arena = sites_[site].manager == SiteManager::kArena;
  const std::uint64_t wanted = is_arena ? rounded(size) : 1;
  if (manager.left < wanted) {
    const std::uint64_t slots = slots_of(sites_[site].largest);
    const std::uint64_t bytes =
        is_arena ? std::max(kArenaChunk, wanted) : slots * rounded(sites_[site].largest);
    add_chunk(site, bytes, out);
    manager.left = is_arena ? bytes : slots;
  }
  manager.left -= wanted;
}

// An arena is emptied with its last block and keeps a chunk, a pool keeps what it has.
void ManagedOperations::release(std::uint32_t site, std::vector<Operation>& out) {
  Manager& manager = managers_[site];
  --manager.live;
  if (sites_[site].manager == SiteManager::kPool) {
    ++manager.left;
    return;
  }
  if (manager.live != 0) return;
  while (manager.chunks.size() > 1) {
    out.push_back({0, manager.chunks.back(), OperationKind::kRelease, 0});
    unused_.push_back(manager.chunks.back());
    manager.chunks.pop_back();
    ++sites_[site].operations;
  }
  manager.left = kArenaChunk;
}

}  // namespace loam::tool

// A region of addresses under a placement policy: what policy_memory, the runtime's mode and replay are made of. Not for direct use.
//
// The policy knows units from 0; here are addresses, headers and alignments. Nothing is written into the region: what is known of
// its blocks lies in tables outside. Thread safety: none.
#ifndef LOAM_DETAIL_POLICY_REGION_HPP
#define LOAM_DETAIL_POLICY_REGION_HPP

#include <loam/detail/policy_address_index.hpp>
#include <loam/detail/policy_buddy.hpp>
#include <loam/detail/policy_fit.hpp>
#include <loam/detail/policy_segregated.hpp>
#include <loam/detail/policy_size_index.hpp>
#include <loam/detail/policy_tlsf_index.hpp>

namespace loam::detail {

using first_fit_policy = fit_policy<first_fit_index>;
using next_fit_policy = fit_policy<next_fit_index>;
using best_fit_policy = fit_policy<best_fit_index>;
using worst_fit_policy = fit_policy<worst_fit_index>;
using tlsf_policy = fit_policy<tlsf_index>;

struct policy_block {
  std::uint64_t address = 0;  // 0: there is none
  std::size_t bytes = 0;      // usable
  bool live = false;
};

template <class Policy>
class policy_region {
 public:
  constexpr policy_region() = default;
  policy_region(const policy_region&) = delete;
  policy_region& operator=(const policy_region&) = delete;

  // `first`: where the source's addresses start. Requires: not open; settings.alignment at least 16.
  void open(const policy_settings& settings, page_source source, table_memory memory, std::uint64_t first) {
    settings_ = settings;
    log_unit_ = static_cast<unsigned>(std::countr_zero(settings.alignment));
    // With headers the blocks stand on pages, not the region: alignments up to a page can be had then as well.
    constexpr std::uint64_t page = 4096;
    const std::uint64_t base = ((first + settings.header + page - 1) & ~(page - 1)) - settings.header;
    space_.open(source, memory, base, settings.alignment, first, settings.grow_step, settings.shrink_above);
    const std::uint64_t aligned = base + settings.header;
    largest_alignment_ = aligned & (~aligned + 1);
    first_block_ = aligned;
    policy_.open(&space_, units_of(settings.minimum));
  }
  void close() { policy_.close(); }

  // The block's address, or 0 when there is no memory, or the alignment is larger than that of the region's start.
  std::uint64_t allocate(std::size_t bytes, std::size_t alignment = 1) {
    const std::uint64_t start = place(bytes, alignment);
    return start == policy_none ? 0 : address_of(start);
  }
  // False, with nothing changed, if no live block starts there.
  bool release(std::uint64_t address) {
    const std::uint64_t start = start_of(address);
    if (!policy_.is_live(start)) return false;
    policy_.release(start);
    return true;
  }
  // Where it lies. False, with nothing changed, if that does not go. Requires: a live block starts there.
  bool resize(std::uint64_t address, std::size_t bytes) { return resize_place(start_of(address), bytes); }

  // The same for who keeps the units that blocks start at, which fit into 32 bits, in place of addresses. policy_none: no block.
  std::uint64_t place(std::size_t bytes, std::size_t alignment = 1) {
    if (bytes >> 47 != 0 || alignment > largest_alignment_) return policy_none;
    const std::uint64_t units = units_of(bytes + settings_.header);
    return policy_.allocate(units == 0 ? 1 : units, units_of(alignment));
  }
  // Requires of all of these: a live block starts there.
  void release_place(std::uint64_t start) { policy_.release(start); }
  bool resize_place(std::uint64_t start, std::size_t bytes) {
    const std::uint64_t units = bytes >> 47 != 0 ? 0 : units_of(bytes + settings_.header);
    return units != 0 && policy_.resize(start, units);
  }
  std::uint64_t offset_of(std::uint64_t start) const { return start << log_unit_; }
  std::size_t size_of_place(std::uint64_t start) const { return usable(start); }
  std::uint64_t end_place() const { return policy_.end(); }

  // Bring near what a call some dozen calls ahead will look at, for whoever knows it: for release_place() the first, and when what
  // that asked for is there the second; for place() the third. They change nothing and may be given any number.
  void prefetch(std::uint64_t start) const { policy_.prefetch(start); }
  void prefetch_more(std::uint64_t start) const { policy_.prefetch_more(start); }
  void prefetch_allocation(std::size_t bytes) const {
    policy_.prefetch_allocation(units_of(bytes + settings_.header));
  }

  // What lies at any address at all.
  policy_block find(std::uint64_t address) const {
    const std::uint64_t offset = address - first_block_ + settings_.header;
    if (address < first_block_ - settings_.header) return {};
    const std::uint64_t unit = offset >> log_unit_;
    if (unit >= policy_.end()) return {};
    const std::uint64_t start = policy_.holding(unit);
    if (start == policy_none) return {};
    return {address_of(start), usable(start), policy_.is_live(start)};
  }
  bool is_live(std::uint64_t address) const { return policy_.is_live(start_of(address)); }
  // Requires: a live block starts there.
  std::size_t size_of(std::uint64_t address) const { return usable(start_of(address)); }

  // Addresses of the region: from its first block's header to its end, which moves.
  std::uint64_t begin() const { return first_block_ - settings_.header; }
  std::uint64_t end() const { return begin() + (policy_.end() << log_unit_); }
  std::uint64_t free_bytes() const { return policy_.free_units() << log_unit_; }
  std::uint64_t largest_free() { return policy_.largest_free() << log_unit_; }
  policy_counters counters() const { return policy_.counters(); }
  const policy_settings& settings() const { return settings_; }
  std::size_t table_bytes() const { return policy_.bytes(); }
  std::uint64_t mapped_end() const { return space_.mapped_end(); }

 private:
  std::uint64_t units_of(std::uint64_t bytes) const { return (bytes + settings_.alignment - 1) >> log_unit_; }
  std::uint64_t address_of(std::uint64_t start) const { return first_block_ + (start << log_unit_); }
  // Of an address that is not a multiple of the unit: no start of a block.
  std::uint64_t start_of(std::uint64_t address) const {
    const std::uint64_t offset = address - first_block_;
    return std::rotr(offset, static_cast<int>(log_unit_));
  }
  std::size_t usable(std::uint64_t start) const {
    return (policy_.size_of(start) << log_unit_) - settings_.header;
  }

  policy_settings settings_;
  unsigned log_unit_ = 4;
  std::uint64_t first_block_ = 0;
  std::uint64_t largest_alignment_ = 1;
  policy_space space_;
  Policy policy_;
};

enum class policy_kind : std::uint8_t { first_fit, next_fit, best_fit, worst_fit, buddy, segregated, tlsf };
inline constexpr unsigned policy_kinds = 7;

inline constexpr const char* policy_names[policy_kinds] = {"first-fit", "next-fit",   "best-fit", "worst-fit",
                                                           "buddy",     "segregated", "tlsf"};

// A null pointer to the policy's type.
template <policy_kind Kind>
constexpr auto policy_type() {
  if constexpr (Kind == policy_kind::first_fit) return static_cast<first_fit_policy*>(nullptr);
  if constexpr (Kind == policy_kind::next_fit) return static_cast<next_fit_policy*>(nullptr);
  if constexpr (Kind == policy_kind::best_fit) return static_cast<best_fit_policy*>(nullptr);
  if constexpr (Kind == policy_kind::worst_fit) return static_cast<worst_fit_policy*>(nullptr);
  if constexpr (Kind == policy_kind::buddy) return static_cast<buddy_policy*>(nullptr);
  if constexpr (Kind == policy_kind::segregated) return static_cast<segregated_policy*>(nullptr);
  if constexpr (Kind == policy_kind::tlsf) return static_cast<tlsf_policy*>(nullptr);
}

// Calls `function` with a null pointer to the policy's type.
template <class Function>
constexpr auto with_policy(policy_kind kind, Function function) {
  switch (kind) {
    case policy_kind::next_fit:
      return function(policy_type<policy_kind::next_fit>());
    case policy_kind::best_fit:
      return function(policy_type<policy_kind::best_fit>());
    case policy_kind::worst_fit:
      return function(policy_type<policy_kind::worst_fit>());
    case policy_kind::buddy:
      return function(policy_type<policy_kind::buddy>());
    case policy_kind::segregated:
      return function(policy_type<policy_kind::segregated>());
    case policy_kind::tlsf:
      return function(policy_type<policy_kind::tlsf>());
    case policy_kind::first_fit:
      break;
  }
  return function(policy_type<policy_kind::first_fit>());
}

}  // namespace loam::detail

#endif

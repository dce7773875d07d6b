// The way of a parcel: out of the pool, filled by a sender, into the owner's inbox, drained there, back into the pool.
#include <gtest/gtest.h>

#include "base/mpsc_list.hpp"
#include "base/tagged_stack.hpp"
#include "heap/parcel.hpp"
#include "scheduler/scheduler.hpp"

namespace loam::scheduler {
namespace {

using heap::Parcel;

constexpr uint64_t kParcels = 2;  // fewer than what is under way, so that each comes back soon
constexpr uint64_t kSenders = 2;
constexpr uint64_t kItems = 12;

// A drain that puts the parcel back before it has read what is inside.
enum class Order : uint8_t { kReadThenGive, kGiveThenRead };

class Traffic {
 public:
  explicit Traffic(Order order) : order_(order) {
    for (Parcel& parcel : parcels_) pool_.push(&parcel);
  }

  std::string run_with(uint64_t seed) {
    run(seed, {[this] { send(0); }, [this] { send(1); },
               [this] {
                 while (received_total() < kSenders * kItems && wrong_.empty()) drain();
               }});
    for (const auto& row : received_) {
      for (const unsigned times : row) {
        if (times != 1 && wrong_.empty()) wrong_ = times == 0 ? "an item was lost" : "an item came twice";
      }
    }
    return wrong_;
  }

 private:
  void send(uint64_t sender) {
    Parcel* parcel = nullptr;
    for (uint64_t i = 0; i < kItems && wrong_.empty();) {
      if (parcel == nullptr) parcel = pool_.pop();
      if (parcel == nullptr) {
        step();
        continue;
      }
      if (parcel->count == 0) parcel->clear(nullptr);
      parcel->add(reinterpret_cast<void*>((sender * kItems + i + 1) * 16), 16);
      step();
      if (++i % 2 != 0) continue;
      inbox_.push(parcel);
      parcel = nullptr;
    }
  }

  void drain() {
    for (Parcel* parcel = inbox_.take_all(); parcel != nullptr;) {
      Parcel* next = parcel->next;
      if (order_ == Order::kGiveThenRead) pool_.push(parcel);
      if (parcel->count == 0 || parcel->count > 2) wrong_ = "a parcel with a wrong count";
      for (uint32_t i = 0; i < parcel->count && i < 2; ++i) {
        const uint64_t item = reinterpret_cast<uint64_t>(parcel->items[i]) / 16 - 1;
        if (item >= kSenders * kItems || ++received_[item / kItems][item % kItems] != 1)
          wrong_ = "an item came twice";
        step();
      }
      parcel->count = 0;
      if (order_ == Order::kReadThenGive) pool_.push(parcel);
      parcel = next;
    }
  }

  uint64_t received_total() const {
    step();
    uint64_t total = 0;
    for (const auto& row : received_) {
      for (const unsigned times : row) total += times;
    }
    return total;
  }

  Order order_;
  Parcel parcels_[kParcels] = {};
  base::TaggedStack<Parcel, Atomic> pool_;
  base::MpscList<Parcel, Atomic> inbox_;
  unsigned received_[kSenders][kItems] = {};
  std::string wrong_;
};

TEST(SchedulerParcels, EveryItemArrivesOnce) {
  const auto found =
      explore("parcels", 5000, [](uint64_t seed) { return Traffic(Order::kReadThenGive).run_with(seed); });
  EXPECT_EQ(found.wrong, "");
}

TEST(SchedulerParcels, FindsAParcelGivenBackTooEarly) {
  const auto found = explore("parcels given back too early", 5000,
                             [](uint64_t seed) { return Traffic(Order::kGiveThenRead).run_with(seed); });
  EXPECT_NE(found.wrong, "");
}

}  // namespace
}  // namespace loam::scheduler

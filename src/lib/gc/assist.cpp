#include "lib/gc/assist.hpp"

#include "lib/gc/helper.hpp"
#include "sys/cpu.hpp"
#include "sys/kernel.hpp"

namespace loam::collector {

constinit Assist assist;

namespace {

// Regions that lie ready for others. Sharing takes half of what there is, so that few are enough.
constexpr uint32_t kStock = 4;

}  // namespace

// Who enters and who closes read what the other has written: one of them sees it.
bool Assist::enter() {
  uint32_t nobody = 0;
  if (open_.load() == 0 || !inside_.compare_exchange_strong(nobody, 1)) return false;
  if (open_.load() != 0) return true;
  leave();
  return false;
}

void Assist::wait_until_left() const {
  for (unsigned spin = 0; inside_.load() != 0; ++spin) spin % 256 == 255 ? sys::yield() : sys::pause();
}

void Assist::close() {
  open_.store(0);
  wait_until_left();
}

bool Assist::count(uint64_t objects) {
  return assist.go_on_(objects + assist.by_others_.load(std::memory_order_relaxed));
}

bool Assist::drain(Marker& marker, Marker::GoOn go_on) {
  Marker& second = second_marker();
  if (!second.prepare()) return marker.drain_while(go_on);
  second.set_beside(true);
  go_on_ = go_on;
  pool_.empty_out();
  pool_.keep(kStock);
  marker.join(second);
  bool whole = true;
  do {
    // What others have marked by now counts as the marker's own (take_over).
    by_others_.store(0, std::memory_order_relaxed);
    open();
    whole = marker.drain_beside(pool_, count);
    close();
  } while (whole && marker.take_over(second));
  marker.part();
  return whole;
}

bool Assist::not_enough(uint64_t objects) {
  assist.by_others_.store(objects, std::memory_order_relaxed);
  return assist.open_.load(std::memory_order_relaxed) != 0 && !assist.enough_(assist.until_ns_);
}

bool Assist::help(uint64_t until_ns, Enough enough) {
  if (!enter()) return false;
  enough_ = enough;
  until_ns_ = until_ns;
  const bool marked = !enough(until_ns) && second_marker().help_beside(pool_, not_enough);
  leave();
  return marked;
}

}  // namespace loam::collector

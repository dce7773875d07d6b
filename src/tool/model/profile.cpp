#include "tool/model/profile.hpp"

#include <algorithm>
#include <tuple>

namespace loam::tool {
namespace {

ProfileSite sum_of(const ReportSite& site) {
  ProfileSite out;
  out.stack = site.stack;
  out.peak_blocks = site.peak_blocks;
  out.peak_bytes = site.peak_bytes;
  for (const SiteSums& sums : site.sums) {
    out.allocations += sums.allocations;
    out.bytes += sums.bytes;
    out.temporary += sums.temporary;
    out.frees += sums.frees;
    out.life += sums.life;
    out.kept_blocks += sums.kept;
    out.kept_bytes += sums.kept_bytes;
  }
  return out;
}

void add(ProfileSite& whole, const ProfileSite& site) {
  whole.allocations += site.allocations;
  whole.bytes += site.bytes;
  whole.temporary += site.temporary;
  whole.frees += site.frees;
  whole.life += site.life;
  whole.peak_blocks += site.peak_blocks;
  whole.peak_bytes += site.peak_bytes;
  whole.kept_blocks += site.kept_blocks;
  whole.kept_bytes += site.kept_bytes;
}

}  // namespace

Profile make_profile(HeapEvents& events) {
  const ReportAxes axes = read_axes(events, 1, 1);
  HeapMap map(axes, 0);
  ReportBook book(axes, map);
  events.rewind();
  for (HeapEvent event; events.next(event);) book.add(event);
  book.finish();
  Profile profile;
  profile.facts = events.facts();
  profile.events = axes.events;
  profile.peak_time = axes.peak_time;
  profile.duration = axes.duration;
  profile.unmatched = book.unmatched();
  profile.threads = book.threads();
  for (const ReportSite& site : book.sites()) {
    profile.sites.push_back(sum_of(site));
    add(profile.whole, profile.sites.back());
  }
  std::sort(profile.sites.begin(), profile.sites.end(), [](const ProfileSite& a, const ProfileSite& b) {
    return std::tie(b.bytes, a.stack) < std::tie(a.bytes, b.stack);
  });
  return profile;
}

// Who allocated does not matter here; as one stack, the sums are as many as the buckets.
HeapCurve make_curve(HeapEvents& events, std::uint32_t buckets) {
  HeapCurve curve;
  curve.axes = read_axes(events, buckets, 1);
  HeapMap map(curve.axes, 0);
  ReportBook book(curve.axes, map);
  events.rewind();
  for (HeapEvent event; events.next(event);) {
    event.stack = 0;
    book.add(event);
  }
  book.finish();
  curve.buckets = book.buckets();
  return curve;
}

}  // namespace loam::tool

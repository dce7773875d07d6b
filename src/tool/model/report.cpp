#include "tool/model/report.hpp"

namespace loam::tool {

std::unique_ptr<Report> make_report(HeapEvents& events, const ReportLimits& limits) {
  auto report = std::make_unique<Report>();
  report->axes = read_axes(events, limits.buckets, limits.tiles);
  report->map = std::make_unique<HeapMap>(report->axes, limits.blocks);
  ReportBook book(report->axes, *report->map, events.layout());
  events.rewind();
  HeapEvent event;
  while (events.next(event)) book.add(event);
  book.finish();
  report->facts = events.facts();
  report->samples = events.samples();
  report->buckets = book.buckets();
  report->sizes = book.sizes();
  report->sites = choose_sites(book.sites(), limits.sites);
  report->all_sites = book.sites().size();
  report->unmatched = book.unmatched();
  report->threads = book.threads();
  return report;
}

}  // namespace loam::tool

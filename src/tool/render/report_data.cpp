#include <fmt/format.h>

#include <algorithm>

#include "tool/render/report_columns.hpp"
#include "tool/render/report_compare.hpp"
#include "tool/render/report_frames.hpp"
#include "tool/render/report_page.hpp"

namespace loam::tool {
namespace {

Json recording_json(const Report& report) {
  const RecordingFacts& facts = report.facts;
  return {{"name", facts.name},
          {"program", facts.program},
          {"pid", facts.pid},
          {"started", facts.started},
          {"machine", facts.machine},
          {"ending", facts.ending},
          {"lost", facts.lost},
          {"remarks", facts.remarks},
          {"stacks", facts.has_stacks},
          {"crossings", facts.has_crossings},
          {"events", report.axes.events},
          {"strange", report.axes.strange},
          {"unmatched", report.unmatched},
          {"threads", report.threads},
          {"sites", report.all_sites},
          {"merged_sites", report.sites.merged}};
}

Json axes_json(const Report& report) {
  const ReportAxes& axes = report.axes;
  Json parts = Json::array();
  for (const AddressAxis::Part& part : axes.addresses.parts()) {
    parts.push_back(
        {{"start", fmt::format("{:#x}", part.start)}, {"bytes", part.bytes}, {"offset", part.offset}});
  }
  return {{"duration", axes.duration},
          {"buckets", axes.buckets},
          {"tile", axes.addresses.tile_bytes()},
          {"tiles", axes.addresses.tiles()},
          {"parts", parts},
          {"peak", {{"bytes", axes.peak_bytes}, {"time", axes.peak_time}}}};
}

void write_buckets(const Report& report, ReportColumns& out) {
  const std::vector<BucketSums>& rows = report.buckets;
  out.numbers_of("bucket.live", rows, [](const BucketSums& b) { return b.live_bytes; });
  out.numbers_of("bucket.blocks", rows, [](const BucketSums& b) { return b.live_blocks; });
  out.numbers_of("bucket.headers", rows, [](const BucketSums& b) { return b.headers; });
  out.numbers_of("bucket.padding", rows, [](const BucketSums& b) { return b.padding; });
  out.numbers_of("bucket.peak", rows, [](const BucketSums& b) { return b.peak_bytes; });
  out.numbers_of("bucket.allocations", rows, [](const BucketSums& b) { return b.allocations; });
  out.numbers_of("bucket.bytes", rows, [](const BucketSums& b) { return b.bytes; });
  out.numbers_of("bucket.frees", rows, [](const BucketSums& b) { return b.frees; });
  out.numbers_of("bucket.freed", rows, [](const BucketSums& b) { return b.freed; });
  out.numbers_of("bucket.resizes", rows, [](const BucketSums& b) { return b.resizes; });
}

// The samples, at most four a bucket: nobody sees more, and a long recording has many. A peak between them stays.
std::vector<ProcessSample> thinned(const std::vector<ProcessSample>& samples, std::size_t most) {
  const std::size_t step = samples.size() / most + 1;
  std::vector<ProcessSample> out;
  for (std::size_t i = 0; i < samples.size(); i += step) {
    ProcessSample one = samples[i];
    for (std::size_t k = i; k < std::min(i + step, samples.size()); ++k) {
      one.resident = std::max(one.resident, samples[k].resident);
      one.mapped = std::max(one.mapped, samples[k].mapped);
      one.crossings = std::max(one.crossings, samples[k].crossings);
    }
    out.push_back(one);
  }
  return out;
}

void write_samples(const Report& report, ReportColumns& out) {
  const std::vector<ProcessSample> rows = thinned(report.samples, std::size_t{4} * report.axes.buckets);
  out.numbers_of("sample.time", rows, [](const ProcessSample& s) { return s.time; });
  out.numbers_of("sample.resident", rows, [](const ProcessSample& s) { return s.resident; });
  out.numbers_of("sample.mapped", rows, [](const ProcessSample& s) { return s.mapped; });
  out.numbers_of("sample.crossings", rows, [](const ProcessSample& s) { return s.crossings; });
}

void write_sizes(const Report& report, ReportColumns& out) {
  std::vector<std::uint64_t> bucket;
  std::vector<std::uint64_t> bin;
  std::vector<std::uint64_t> allocations;
  std::vector<std::uint64_t> bytes;
  for (std::size_t i = 0; i < report.sizes.size(); ++i) {
    for (std::size_t k = 0; k < kSizeBins; ++k) {
      if (report.sizes[i].allocations[k] == 0) continue;
      bucket.push_back(i);
      bin.push_back(k);
      allocations.push_back(report.sizes[i].allocations[k]);
      bytes.push_back(report.sizes[i].bytes[k]);
    }
  }
  out.numbers("size.bucket", bucket);
  out.numbers("size.bin", bin);
  out.numbers("size.allocations", allocations);
  out.numbers("size.bytes", bytes);
}

void write_site_sums(const std::vector<ReportSite>& sites, ReportColumns& out) {
  std::vector<SiteSums> rows;
  for (const ReportSite& site : sites) rows.insert(rows.end(), site.sums.begin(), site.sums.end());
  out.numbers_of("sum.bucket", rows, [](const SiteSums& s) { return std::uint64_t{s.bucket}; });
  out.numbers_of("sum.allocations", rows, [](const SiteSums& s) { return s.allocations; });
  out.numbers_of("sum.bytes", rows, [](const SiteSums& s) { return s.bytes; });
  out.numbers_of("sum.frees", rows, [](const SiteSums& s) { return s.frees; });
  out.numbers_of("sum.freed", rows, [](const SiteSums& s) { return s.freed; });
  out.numbers_of("sum.temporary", rows, [](const SiteSums& s) { return s.temporary; });
  out.numbers_of("sum.temporary_bytes", rows, [](const SiteSums& s) { return s.temporary_bytes; });
  out.numbers_of("sum.life", rows, [](const SiteSums& s) { return s.life; });
  out.numbers_of("sum.kept", rows, [](const SiteSums& s) { return s.kept; });
  out.numbers_of("sum.kept_bytes", rows, [](const SiteSums& s) { return s.kept_bytes; });
}

void write_sites(const Report& report, HeapEvents& events, ReportFrames& frames, ReportColumns& out) {
  const std::vector<ReportSite>& sites = report.sites.sites;
  std::vector<std::uint64_t> nodes;
  std::vector<std::uint64_t> labels;
  for (std::size_t i = 0; i < sites.size(); ++i) {
    std::vector<SourceFrame> stack;
    if (report.sites.merged > 0 && i + 1 == sites.size()) {
      stack.emplace_back().function = fmt::format("({} further call sites)", report.sites.merged);
    } else {
      stack = events.frames(sites[i].stack);
    }
    nodes.push_back(frames.add(stack));
    labels.push_back(frames.label(stack));
  }
  out.numbers("site.node", nodes);
  out.numbers("site.label", labels);
  out.numbers_of("site.peak", sites, [](const ReportSite& s) { return s.peak_bytes; });
  out.numbers_of("site.peak_blocks", sites, [](const ReportSite& s) { return s.peak_blocks; });
  out.numbers_of("site.sums", sites, [](const ReportSite& s) { return std::uint64_t{s.sums.size()}; });
  write_site_sums(sites, out);
}

void write_map(const Report& report, ReportColumns& out) {
  const std::vector<MapBlock>& blocks = report.map->blocks();
  std::uint64_t last = 0;
  out.bytes("map.cells", report.map->cells());
  out.numbers_of("block.offset", blocks, [&last](const MapBlock& b) {
    const std::uint64_t step = b.offset - last;
    last = b.offset;
    return step;
  });
  out.numbers_of("block.size", blocks, [](const MapBlock& b) { return b.size; });
  out.numbers_of("block.header", blocks, [](const MapBlock& b) { return b.shape.header; });
  out.numbers_of("block.padding", blocks, [](const MapBlock& b) { return b.shape.padding; });
  out.numbers_of("block.born", blocks, [](const MapBlock& b) { return std::uint64_t{b.born}; });
  out.numbers_of("block.life", blocks, [](const MapBlock& b) { return std::uint64_t{b.died} - b.born; });
  out.numbers_of("block.site", blocks,
                 [&report](const MapBlock& b) { return std::uint64_t{report.sites.number[b.site]}; });
}

}  // namespace

std::string report_data(const Report& report, HeapEvents& events, const ReportBeside& beside) {
  Json head;
  head["schema"] = "loam-report/1";
  head["version"] = LOAM_VERSION;
  head["recording"] = recording_json(report);
  head["axes"] = axes_json(report);
  head["blocks_left_out"] = report.map->left_out();
  ReportColumns columns;
  write_buckets(report, columns);
  write_samples(report, columns);
  write_sizes(report, columns);
  ReportFrames frames;
  write_sites(report, events, frames, columns);
  if (beside.comparison != nullptr) head["compare"] = write_comparison(*beside.comparison, frames, columns);
  frames.write(columns, head);
  write_map(report, columns);
  head["policies"] = beside.policies;
  head["findings"] = beside.findings;
  return columns.text(head);
}

}  // namespace loam::tool

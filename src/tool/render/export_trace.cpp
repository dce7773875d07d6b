#include <fmt/format.h>

#include "tool/model/profile.hpp"
#include "tool/render/exports.hpp"
#include "tool/render/json_pieces.hpp"

namespace loam::tool {
namespace {

// Of time; a viewer has fewer pixels.
constexpr std::uint32_t kPoints = 4096;

class TraceWriter {
 public:
  TraceWriter(PackedOutput& out, std::uint64_t pid) : out_(out), pid_(pid) {
    out_.write("{\"displayTimeUnit\":\"ns\",\"otherData\":{\"version\":\"loam " LOAM_VERSION
               "\"},\"traceEvents\":[");
  }
  // `phase`: M is a fact, C a counter, i an instant. `arguments`: JSON. Times of the format are microseconds.
  void event(const char* name, const char* phase, std::uint64_t time, const std::string& arguments) {
    out_.write(fmt::format(
        "{}\n{{\"name\":\"{}\",\"ph\":\"{}\",\"ts\":{}.{:03},\"pid\":{},\"tid\":{},{}\"args\":{{{}}}}}",
        first_ ? "" : ",", name, phase, time / 1000, time % 1000, pid_, pid_,
        phase[0] == 'i' ? "\"s\":\"p\"," : "", arguments));
    first_ = false;
  }
  void finish() { out_.write("]}\n"); }

 private:
  PackedOutput& out_;
  std::uint64_t pid_;
  bool first_ = true;
};

// A counter keeps its value until the next: buckets in which nothing changed are left out.
void write_heap(const HeapCurve& curve, TraceWriter& trace) {
  trace.event("live heap", "C", 0, "\"bytes\":0");
  trace.event("live blocks", "C", 0, "\"blocks\":0");
  BucketSums before;
  for (std::uint32_t i = 0; i < curve.buckets.size(); ++i) {
    const BucketSums& bucket = curve.buckets[i];
    const std::uint64_t end = curve.axes.end_of(i);
    // A peak inside of the bucket would not be seen at its end.
    if (bucket.peak_bytes > bucket.live_bytes && bucket.peak_bytes > before.live_bytes) {
      const std::uint64_t begin = i == 0 ? 0 : curve.axes.end_of(i - 1);
      trace.event("live heap", "C", begin + (end - begin) / 2,
                  fmt::format("\"bytes\":{}", bucket.peak_bytes));
    }
    if (bucket.live_bytes != before.live_bytes || bucket.peak_bytes > bucket.live_bytes)
      trace.event("live heap", "C", end, fmt::format("\"bytes\":{}", bucket.live_bytes));
    if (bucket.live_blocks != before.live_blocks)
      trace.event("live blocks", "C", end, fmt::format("\"blocks\":{}", bucket.live_blocks));
    if (bucket.allocations != before.allocations || bucket.frees != before.frees)
      trace.event("calls", "C", end,
                  fmt::format("\"allocations\":{},\"frees\":{}", bucket.allocations, bucket.frees));
    before = bucket;
  }
  if (curve.axes.peak_event != 0)
    trace.event("peak of the heap", "i", curve.axes.peak_time,
                fmt::format("\"bytes\":{}", curve.axes.peak_bytes));
}

void write_process(const std::vector<ProcessSample>& samples, bool has_crossings, TraceWriter& trace) {
  ProcessSample before;
  for (const ProcessSample& sample : samples) {
    if (sample.resident != before.resident)
      trace.event("resident memory", "C", sample.time, fmt::format("\"bytes\":{}", sample.resident));
    if (sample.mapped != before.mapped)
      trace.event("mapped by the heap", "C", sample.time, fmt::format("\"bytes\":{}", sample.mapped));
    if (has_crossings && sample.crossings > before.crossings)
      trace.event(
          "kernel calls", "i", sample.time,
          fmt::format("\"calls\":{},\"so_far\":{}", sample.crossings - before.crossings, sample.crossings));
    before = sample;
  }
}

}  // namespace

void write_trace(HeapEvents& events, PackedOutput& out) {
  const HeapCurve curve = make_curve(events, kPoints);
  const RecordingFacts facts = events.facts();
  TraceWriter trace(out, facts.pid);
  const std::string name = facts.program.empty() ? facts.name : facts.program.front();
  trace.event("process_name", "M", 0, "\"name\":" + json_string(name));
  write_heap(curve, trace);
  write_process(events.samples(), facts.has_crossings, trace);
  trace.finish();
}

}  // namespace loam::tool

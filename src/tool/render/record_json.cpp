#include <fmt/format.h>

#include "format/counter_names.hpp"
#include "options/options.hpp"
#include "tool/model/json_value.hpp"
#include "tool/render/record.hpp"

namespace loam::tool {
namespace {

using format::Counter;
using format::Group;
using format::kCountOf;
using format::KernelCall;
using format::Level;
using format::Symbol;
using format::Unit;

template <class T>
Json or_null(const std::optional<T>& value) {
  return value ? Json(*value) : Json(nullptr);
}

Json address(std::uint64_t where) { return where == 0 ? Json(nullptr) : Json(fmt::format("{:#x}", where)); }

// All counters of one group by name.
Json group_json(const Record& record, Group group) {
  Json out;
  for (const format::CounterInfo& info : format::kCounterInfo) {
    if (info.group != group) continue;
    const std::uint64_t number = record.get(info.counter);
    out[info.name] = info.unit == Unit::kAddress ? address(number) : Json(number);
  }
  return out;
}

Json calls_json(const Record& record) {
  Json out;
  out["allocations"] = record.allocations();
  out["frees"] = record.frees();
  out.update(group_json(record, Group::kCalls));
  for (std::size_t i = 0; i < kCountOf<Symbol>; ++i) {
    out["symbols"][format::kSymbolNames[i]] = value(record.slot->symbols[i]);
  }
  for (std::size_t i = 0; i < kCountOf<Level>; ++i) {
    out["levels"][format::kLevelNames[i]] = value(record.slot->levels[i]);
  }
  return out;
}

Json kernel_json(const Record& record) {
  Json out;
  const format::KernelCounts& kernel = record.slot->kernel;
  const bool timed = value(record.slot->timed) != 0;
  out["calls"] = record.kernel_calls();
  out["failures"] = record.kernel_failures();
  out["timed"] = timed;
  out["kinds"] = Json::object();
  for (std::size_t i = 0; i < kCountOf<KernelCall>; ++i) {
    if (value(kernel.calls[i]) == 0) continue;
    Json& kind = out["kinds"][format::kKernelCallNames[i]];
    kind = {{"calls", value(kernel.calls[i])},
            {"failures", value(kernel.failures[i])},
            {"bytes", value(kernel.bytes[i])},
            {"ns", nullptr}};
    if (timed) kind["ns"] = value(kernel.nanoseconds[i]);
  }
  return out;
}

Json classes_json(const Record& record) {
  Json out = Json::array();
  const format::ClassCounts& classes = record.slot->classes;
  const bool calls = record.known(Group::kCalls);
  const bool walk = record.known(Group::kWalk);
  for (std::size_t i = 0; i < record.class_bytes.size(); ++i) {
    const bool used =
        value(classes.allocations[i]) + value(classes.live_blocks[i]) + value(classes.spans[i]) != 0;
    if (!used) continue;
    Json entry{{"bytes", record.class_bytes[i]}, {"allocations", nullptr}, {"frees", nullptr},
               {"live_blocks", nullptr},         {"free_blocks", nullptr}, {"spans", nullptr},
               {"resident_free", nullptr},       {"stranded", nullptr}};
    if (calls) {
      entry["allocations"] = value(classes.allocations[i]);
      entry["frees"] = value(classes.frees[i]);
    }
    if (walk) {
      entry["live_blocks"] = value(classes.live_blocks[i]);
      entry["free_blocks"] = value(classes.free_blocks[i]);
      entry["spans"] = value(classes.spans[i]);
    }
    if (record.known(Group::kResident)) {
      entry["resident_free"] = value(classes.resident_free[i]);
      entry["stranded"] = value(classes.stranded[i]);
    }
    out.push_back(entry);
  }
  return out;
}

Json resident_json(const Record& record) {
  const auto resident = resident_of(record);
  if (!resident) return nullptr;
  Json out{{"rss", resident->total}};
  for (const ResidentPart& part : resident->parts) out[part.name] = part.bytes;
  out["unaccounted"] = resident->unaccounted;
  out["huge_pages"] = record.get(Counter::kRssHuge);
  out["stranded"] = record.get(Counter::kRssStranded);
  return out;
}

Json overhead_json(const Record& record) {
  const auto overhead = overhead_of(record);
  if (!overhead) return nullptr;
  return {{"headers", 0},  // all metadata lies outside the blocks
          {"padding", or_null(overhead->padding)},
          {"metadata", overhead->metadata},
          {"free_in_span", overhead->free_in_span},
          {"dirty_cache", overhead->dirty_cache},
          {"total", or_null(overhead->total())}};
}

Json end_json(const Record& record) {
  Json out{{"text", record.end_text()}, {"exit", or_null(record.exit_status)}, {"signal", nullptr}};
  if (record.end == End::kSignal) out["signal"] = record.signal;
  return out;
}

const char* birth_name(std::uint64_t birth) {
  if (birth == static_cast<std::uint64_t>(format::Birth::kForked)) return "forked";
  return birth == static_cast<std::uint64_t>(format::Birth::kStarted) ? "started" : "unknown";
}

const char* source_name(std::uint64_t source) {
  constexpr const char* kNames[] = {"mmap", "sbrk", "file"};
  return source < 3 ? kNames[source] : "unknown";
}

}  // namespace

Json crossing_json(const Crossing& crossing) {
  return {{"calls", crossing.calls},
          {"call_ns", crossing.call_ns},
          {"call_ns_from", crossing.measured ? "measured in the process" : "calls times prices"},
          {"minor_faults", or_null(crossing.faults)},
          {"fault_ns", or_null(crossing.fault_ns)},
          {"cpu_ns", or_null(crossing.cpu_ns)},
          {"share_of_cpu", or_null(crossing.share())}};
}

Json record_json(const Record& record, const Prices& prices) {
  const format::CounterSlot& slot = *record.slot;
  Json out;
  out["pid"] = value(slot.pid);
  out["parent_pid"] = value(slot.parent_pid);
  out["executable"] = slot.executable;
  out["birth"] = birth_name(value(slot.birth));
  out["source"] = source_name(value(slot.source));
  out["end"] = end_json(record);
  out["duration_ns"] = nullptr;
  if (value(slot.end_ns) != 0) out["duration_ns"] = value(slot.end_ns) - value(slot.begin_ns);
  const bool known_calls = record.known(Group::kCalls);
  const bool known_kernel = record.known(Group::kKernel);
  out["calls"] = known_calls ? calls_json(record) : Json(nullptr);
  out["kernel"] = known_kernel ? kernel_json(record) : Json(nullptr);
  out["crossing"] = known_kernel ? crossing_json(crossing_of(record, prices)) : Json(nullptr);
  out["break"] = record.known(Group::kBreak) ? group_json(record, Group::kBreak) : Json(nullptr);
  out["walk"] = record.known(Group::kWalk) ? group_json(record, Group::kWalk) : Json(nullptr);
  out["overhead"] = overhead_json(record);
  out["resident"] = resident_json(record);
  out["usage"] = record.known(Group::kUsage) ? group_json(record, Group::kUsage) : Json(nullptr);
  out["classes"] = classes_json(record);
  out["reasons"] = Json::object();
  for (std::size_t i = 0; i < kCountOf<Group>; ++i) {
    const Group group = static_cast<Group>(i);
    if (!record.known(group)) out["reasons"][format::kGroupNames[i]] = record.reason(group);
  }
  return out;
}

}  // namespace loam::tool

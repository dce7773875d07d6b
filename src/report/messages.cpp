#include "report/messages.hpp"

#include "base/text.hpp"
#include "sys/kernel.hpp"

namespace loam::report {

namespace {

using base::Text;

void print(Text& text) {
  text.add("\n");
  sys::write_error(text.data(), text.size());
}

const char* noun(Operation operation) {
  switch (operation) {
    case Operation::kRealloc:
      return "realloc";
    case Operation::kUsableSize:
      return "malloc_usable_size";
    case Operation::kFree:
      break;
  }
  return "free";
}

uint64_t address(const void* pointer) { return reinterpret_cast<uint64_t>(pointer); }

void add_span(Text& text, const heap::Fault& fault) {
  text.add(" (").add(fault.size).add(" bytes, span ").add_hex(address(fault.span));
  text.add("+").add_hex(fault.span_size);
  text.add(fault.live ? ", live)" : ", free)");
}

}  // namespace

void fault(Operation operation, const heap::Fault& fault) {
  Text text;
  text.add("loam: ");
  switch (fault.kind) {
    case heap::FaultKind::kDoubleFree:
      text.add("double ").add(noun(operation)).add(" of ").add_hex(address(fault.pointer));
      add_span(text, fault);
      break;
    case heap::FaultKind::kInterior:
      text.add("invalid ").add(noun(operation)).add(" of ").add_hex(address(fault.pointer)).add(": ");
      text.add(address(fault.pointer) - address(fault.block)).add(" bytes inside the block ");
      text.add_hex(address(fault.block));
      add_span(text, fault);
      break;
    case heap::FaultKind::kNotABlock:
      not_a_block(operation, fault.pointer, "free span");
  }
  print(text);
  sys::abort_process();
}

void not_a_block(Operation operation, const void* pointer, const char* place) {
  Text text;
  text.add("loam: invalid ").add(noun(operation)).add(" of ").add_hex(address(pointer));
  text.add(": not a block of this heap (").add(place).add(")");
  print(text);
  sys::abort_process();
}

void bad_option(const char* description) {
  Text text;
  text.add("loam: LOAM_OPTIONS: ").add(description);
  print(text);
}

void passive(const char* why) {
  Text text;
  text.add("loam: standing aside, the C library's malloc serves: ").add(why);
  print(text);
}

void complaint(const char* description) {
  Text text;
  text.add("loam: ").add(description);
  print(text);
}

void placed(const char* policy, const char* source) {
  Text text;
  text.add("loam: one region, ").add(policy).add(", pages from ").add(source);
  print(text);
}

void placement(const char* policy, const policy::Figures& figures, uint64_t elsewhere) {
  Text text;
  text.add("loam: ").add(policy).add(" served ").add(figures.allocations).add(" of ");
  text.add(figures.allocations + elsewhere).add(" allocations; region ").add(figures.peak_bytes);
  text.add(" bytes at its peak, ").add(figures.region_bytes).add(" at the end, ").add(figures.free_bytes);
  text.add(" of them free in ").add(figures.free_blocks).add(" blocks; ").add(figures.steps);
  text.add(" steps in ").add(figures.searches).add(" searches, ").add(figures.splits).add(" splits, ");
  text.add(figures.merges).add(" merges, grown ").add(figures.grows).add(" and shrunk ");
  text.add(figures.shrinks).add(" times");
  print(text);
}

void started(const Choices& choices) {
  Text text;
  text.add("loam: pages from ").add(choices.source);
  if (choices.advice)
    text.add(", free ones given back after ")
        .add(choices.purge_delay_ms)
        .add(" ms, huge ones where they pay");
  else
    text.add(", without any advice");
  text.add(choices.counted ? "; every call is counted" : "; calls are not counted");
  print(text);
}

}  // namespace loam::report

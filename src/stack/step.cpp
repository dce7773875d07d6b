#include "stack/step.hpp"

#include "stack/eh_frame.hpp"
#include "stack/expression.hpp"

namespace loam::stack {

namespace {

bool find_cfa(const Rules& rules, const Registers& registers, Memory& memory, uint64_t& out) {
  if (rules.cfa_is_expression) return evaluate(rules.cfa_expression, registers, nullptr, memory, out);
  if (!rules.cfa_known || !registers.has(rules.cfa_register)) return false;
  out = registers.value[rules.cfa_register] + static_cast<uint64_t>(rules.cfa_offset);
  return true;
}

// The caller's value of one register. Returns false if it cannot be had, which ends the walk only if somebody asks for it.
bool find_register(unsigned number, const RegisterRule& rule, const Registers& inner, uint64_t cfa,
                   Memory& memory, uint64_t& out) {
  uint64_t place = 0;
  switch (rule.place) {
    case Place::kSame:
      // The stack pointer is the CFA unless something else is said.
      out = number == kRsp ? cfa : inner.value[number];
      return number == kRsp || inner.has(number);
    case Place::kUndefined:
      return false;
    case Place::kAtCfa:
      return memory.read(cfa + static_cast<uint64_t>(rule.offset), out);
    case Place::kCfaPlus:
      out = cfa + static_cast<uint64_t>(rule.offset);
      return true;
    case Place::kRegister: {
      const auto other = static_cast<uint64_t>(rule.offset);
      if (other >= kRegisterCount || !inner.has(static_cast<unsigned>(other))) return false;
      out = inner.value[other];
      return true;
    }
    case Place::kAtExpression:
      return evaluate(rule.bytes(), inner, &cfa, memory, place) && memory.read(place, out);
    case Place::kExpression:
      return evaluate(rule.bytes(), inner, &cfa, memory, out);
  }
  return false;
}

}  // namespace

Step apply(const Rules& rules, Registers& registers, Memory& memory) {
  if (rules.registers[kReturnAddress].place == Place::kUndefined) return Step::kOutermost;
  uint64_t cfa = 0;
  if (!find_cfa(rules, registers, memory, cfa)) return Step::kFailed;
  Registers outer;
  outer.known = 0;
  outer.interrupted = false;
  for (unsigned i = 0; i < kRegisterCount; ++i) {
    uint64_t word = 0;
    if (find_register(i, rules.registers[i], registers, cfa, memory, word)) outer.set(i, word);
  }
  if (!outer.has(kRsp) || !outer.has(kReturnAddress)) return Step::kFailed;
  registers = outer;
  return outer.pc() == 0 ? Step::kOutermost : Step::kCaller;
}

Step step(const Module& module, Registers& registers, Memory& memory) {
  Entry entry;
  Rules rules;
  const uint64_t pc = pc_of(registers);
  if (!find_entry(module.frames, pc, entry) || !run_rules(entry, pc, rules)) return Step::kFailed;
  const Step result = apply(rules, registers, memory);
  if (result == Step::kCaller) registers.interrupted = entry.signal_frame;
  return result;
}

}  // namespace loam::stack

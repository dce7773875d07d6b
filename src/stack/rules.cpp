#include "stack/rules.hpp"

#include "stack/cursor.hpp"

namespace loam::stack {

namespace {

enum : uint8_t {
  kNop = 0x00,
  kSetLocation = 0x01,
  kAdvance1 = 0x02,
  kAdvance2 = 0x03,
  kAdvance4 = 0x04,
  kOffsetExtended = 0x05,
  kRestoreExtended = 0x06,
  kUndefined = 0x07,
  kSameValue = 0x08,
  kRegister = 0x09,
  kRememberState = 0x0a,
  kRestoreState = 0x0b,
  kDefineCfa = 0x0c,
  kDefineCfaRegister = 0x0d,
  kDefineCfaOffset = 0x0e,
  kDefineCfaExpression = 0x0f,
  kExpression = 0x10,
  kOffsetExtendedSigned = 0x11,
  kDefineCfaSigned = 0x12,
  kDefineCfaOffsetSigned = 0x13,
  kValueOffset = 0x14,
  kValueOffsetSigned = 0x15,
  kValueExpression = 0x16,
  kArgumentsSize = 0x2e,
  kNegativeOffsetExtended = 0x2f,
  kAdvance = 0x40,  // these three carry an operand in their low six bits
  kOffset = 0x80,
  kRestore = 0xc0,
};

// Compilers nest remembered states once; hand-written code has not been seen beyond two.
constexpr unsigned kRemembered = 3;

class Program {
 public:
  Program(const Entry& entry, uint64_t pc, Rules& rules) : entry_(entry), pc_(pc), rules_(rules) {}

  bool run() {
    location_ = entry_.start;
    if (!run(Cursor(entry_.common, entry_.common_end))) return false;
    initial_ = rules_;
    return run(Cursor(entry_.own, entry_.own_end)) && rules_.cfa_known;
  }

 private:
  bool run(Cursor cursor);
  bool step(uint8_t code, Cursor& cursor);
  bool step_cfa(uint8_t code, Cursor& cursor);
  bool step_register(uint8_t code, Cursor& cursor);

  int64_t factored(uint64_t count) const {
    return static_cast<int64_t>(count * static_cast<uint64_t>(entry_.data_factor));
  }
  void advance(uint64_t delta) { location_ += delta * entry_.code_factor; }

  void define(uint64_t number, Place place, int64_t offset) {
    if (number >= kRegisterCount) return;  // vector registers: not ours to follow
    RegisterRule& rule = rules_.registers[number];
    rule.place = place;
    rule.size = 0;
    rule.offset = offset;
  }
  void define_expression(uint64_t number, Place place, Cursor& cursor) {
    const Bytes bytes = block(cursor);
    if (number >= kRegisterCount) return;
    RegisterRule& rule = rules_.registers[number];
    rule.place = place;
    rule.size = bytes.size;
    rule.expression = bytes.start;
  }
  static Bytes block(Cursor& cursor) {
    const uint64_t size = cursor.uleb();
    const uint8_t* start = cursor.at();
    cursor.skip(size);
    return {start, static_cast<uint32_t>(size)};
  }
  void define_cfa(uint64_t number, int64_t offset) {
    rules_.cfa_is_expression = false;
    rules_.cfa_known = number < kRegisterCount;
    rules_.cfa_register = static_cast<uint8_t>(number);
    rules_.cfa_offset = offset;
  }
  void restore(uint64_t number) {
    if (number < kRegisterCount) rules_.registers[number] = initial_.registers[number];
  }

  const Entry& entry_;
  const uint64_t pc_;
  Rules& rules_;
  Rules initial_;
  Rules remembered_[kRemembered];
  unsigned remembered_count_ = 0;
  uint64_t location_ = 0;
};

bool Program::run(Cursor cursor) {
  while (!cursor.at_end() && location_ <= pc_) {
    const auto code = cursor.read<uint8_t>();
    const uint8_t operand = code & 0x3f;
    switch (code & 0xc0) {
      case kAdvance:
        advance(operand);
        break;
      case kOffset:
        define(operand, Place::kAtCfa, factored(cursor.uleb()));
        break;
      case kRestore:
        restore(operand);
        break;
      default:
        if (!step(code, cursor)) return false;
    }
  }
  return cursor.good();
}

bool Program::step(uint8_t code, Cursor& cursor) {
  switch (code) {
    case kNop:
      return true;
    case kSetLocation:
      location_ = cursor.pointer(entry_.pointer_encoding, 0);
      return true;
    case kAdvance1:
      advance(cursor.read<uint8_t>());
      return true;
    case kAdvance2:
      advance(cursor.read<uint16_t>());
      return true;
    case kAdvance4:
      advance(cursor.read<uint32_t>());
      return true;
    case kRememberState:
      if (remembered_count_ == kRemembered) return false;
      remembered_[remembered_count_++] = rules_;
      return true;
    case kRestoreState:
      if (remembered_count_ == 0) return false;
      rules_ = remembered_[--remembered_count_];
      return true;
    case kArgumentsSize:
      cursor.uleb();
      return true;
    default:
      return step_cfa(code, cursor);
  }
}

bool Program::step_cfa(uint8_t code, Cursor& cursor) {
  switch (code) {
    case kDefineCfa: {
      const uint64_t number = cursor.uleb();
      define_cfa(number, static_cast<int64_t>(cursor.uleb()));
      return true;
    }
    case kDefineCfaSigned: {
      const uint64_t number = cursor.uleb();
      define_cfa(number, factored(static_cast<uint64_t>(cursor.sleb())));
      return true;
    }
    case kDefineCfaRegister:
      define_cfa(cursor.uleb(), rules_.cfa_offset);
      return true;
    case kDefineCfaOffset:
      rules_.cfa_offset = static_cast<int64_t>(cursor.uleb());
      return true;
    case kDefineCfaOffsetSigned:
      rules_.cfa_offset = factored(static_cast<uint64_t>(cursor.sleb()));
      return true;
    case kDefineCfaExpression:
      rules_.cfa_expression = block(cursor);
      rules_.cfa_is_expression = true;
      rules_.cfa_known = true;
      return true;
    default:
      return step_register(code, cursor);
  }
}

bool Program::step_register(uint8_t code, Cursor& cursor) {
  const uint64_t number = cursor.uleb();  // the first operand of all that follow
  switch (code) {
    case kOffsetExtended:
      define(number, Place::kAtCfa, factored(cursor.uleb()));
      return true;
    case kOffsetExtendedSigned:
      define(number, Place::kAtCfa, factored(static_cast<uint64_t>(cursor.sleb())));
      return true;
    case kNegativeOffsetExtended:
      define(number, Place::kAtCfa, factored(uint64_t{0} - cursor.uleb()));
      return true;
    case kRestoreExtended:
      restore(number);
      return true;
    case kUndefined:
      define(number, Place::kUndefined, 0);
      return true;
    case kSameValue:
      define(number, Place::kSame, 0);
      return true;
    case kRegister:
      define(number, Place::kRegister, static_cast<int64_t>(cursor.uleb()));
      return true;
    case kValueOffset:
      define(number, Place::kCfaPlus, factored(cursor.uleb()));
      return true;
    case kValueOffsetSigned:
      define(number, Place::kCfaPlus, factored(static_cast<uint64_t>(cursor.sleb())));
      return true;
    case kExpression:
      define_expression(number, Place::kAtExpression, cursor);
      return true;
    case kValueExpression:
      define_expression(number, Place::kExpression, cursor);
      return true;
    default:
      return false;
  }
}

}  // namespace

bool run_rules(const Entry& entry, uint64_t pc, Rules& out) {
  if (entry.return_column != kReturnAddress) return false;
  out = Rules{};
  return Program(entry, pc, out).run();
}

}  // namespace loam::stack

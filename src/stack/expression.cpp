#include "stack/expression.hpp"

#include "stack/cursor.hpp"

namespace loam::stack {

namespace {

enum : uint8_t {
  kAddress = 0x03,
  kDeref = 0x06,
  kConst1u = 0x08,
  kConst1s = 0x09,
  kConst2u = 0x0a,
  kConst2s = 0x0b,
  kConst4u = 0x0c,
  kConst4s = 0x0d,
  kConst8u = 0x0e,
  kConst8s = 0x0f,
  kConstu = 0x10,
  kConsts = 0x11,
  kDup = 0x12,
  kDrop = 0x13,
  kOver = 0x14,
  kPick = 0x15,
  kSwap = 0x16,
  kRot = 0x17,
  kAbs = 0x19,
  kAnd = 0x1a,
  kDiv = 0x1b,
  kMinus = 0x1c,
  kMod = 0x1d,
  kMul = 0x1e,
  kNeg = 0x1f,
  kNot = 0x20,
  kOr = 0x21,
  kPlus = 0x22,
  kPlusConst = 0x23,
  kShl = 0x24,
  kShr = 0x25,
  kShra = 0x26,
  kXor = 0x27,
  kBra = 0x28,
  kEq = 0x29,
  kGe = 0x2a,
  kGt = 0x2b,
  kLe = 0x2c,
  kLt = 0x2d,
  kNe = 0x2e,
  kSkip = 0x2f,
  kLiteral = 0x30,       // to 0x4f
  kBaseRegister = 0x70,  // to 0x8f
  kBaseRegisterX = 0x92,
  kDerefSize = 0x94,
  kNop = 0x96,
};

constexpr unsigned kDepth = 24;
constexpr unsigned kMaxSteps = 500;

class Machine {
 public:
  Machine(Bytes expression, const Registers& registers, Memory& memory)
      : start_(expression.start),
        cursor_(expression.start, expression.start + expression.size),
        registers_(registers),
        memory_(memory) {}

  bool run(const uint64_t* first, uint64_t& out) {
    if (first != nullptr) push(*first);
    for (unsigned steps = 0; good_ && !cursor_.at_end(); ++steps) {
      if (steps == kMaxSteps) return false;
      step(cursor_.read<uint8_t>());
    }
    out = pop();
    return good_ && cursor_.good();
  }

 private:
  void step(uint8_t code);
  void step_constant(uint8_t code);
  void step_stack(uint8_t code);
  void step_binary(uint8_t code);

  void push(uint64_t word) {
    if (count_ == kDepth)
      good_ = false;
    else
      words_[count_++] = word;
  }
  uint64_t pop() {
    if (count_ == 0) {
      good_ = false;
      return 0;
    }
    return words_[--count_];
  }
  void pick(unsigned below) {
    if (below >= count_)
      good_ = false;
    else
      push(words_[count_ - 1 - below]);
  }
  void push_register(uint64_t number, int64_t offset) {
    if (number >= kRegisterCount || !registers_.has(static_cast<unsigned>(number)))
      good_ = false;
    else
      push(registers_.value[number] + static_cast<uint64_t>(offset));
  }
  void deref(unsigned size) {
    const uint64_t address = pop();
    uint64_t word = 0;
    if (!good_ || !memory_.read(address, size, word)) {
      good_ = false;
      return;
    }
    push(word);
  }

  const uint8_t* start_;
  Cursor cursor_;
  const Registers& registers_;
  Memory& memory_;
  uint64_t words_[kDepth];
  unsigned count_ = 0;
  bool good_ = true;
};

void Machine::step(uint8_t code) {
  if (code >= kLiteral && code < kLiteral + 32) return push(code - kLiteral);
  if (code >= kBaseRegister && code < kBaseRegister + 32)
    return push_register(code - kBaseRegister, cursor_.sleb());
  switch (code) {
    case kBaseRegisterX: {
      const uint64_t number = cursor_.uleb();
      return push_register(number, cursor_.sleb());
    }
    case kDeref:
      return deref(8);
    case kDerefSize:
      return deref(cursor_.read<uint8_t>());
    case kPlusConst:
      return push(pop() + cursor_.uleb());
    case kSkip:
      return cursor_.jump(cursor_.read<int16_t>(), start_);
    case kBra: {
      const auto distance = cursor_.read<int16_t>();
      if (pop() != 0) cursor_.jump(distance, start_);
      return;
    }
    case kNop:
      return;
    default:
      return step_constant(code);
  }
}

void Machine::step_constant(uint8_t code) {
  const auto widened = [](auto narrow) { return static_cast<uint64_t>(static_cast<int64_t>(narrow)); };
  switch (code) {
    case kAddress:
    case kConst8u:
    case kConst8s:
      return push(cursor_.read<uint64_t>());
    case kConst1u:
      return push(cursor_.read<uint8_t>());
    case kConst1s:
      return push(widened(cursor_.read<int8_t>()));
    case kConst2u:
      return push(cursor_.read<uint16_t>());
    case kConst2s:
      return push(widened(cursor_.read<int16_t>()));
    case kConst4u:
      return push(cursor_.read<uint32_t>());
    case kConst4s:
      return push(widened(cursor_.read<int32_t>()));
    case kConstu:
      return push(cursor_.uleb());
    case kConsts:
      return push(static_cast<uint64_t>(cursor_.sleb()));
    default:
      return step_stack(code);
  }
}

void Machine::step_stack(uint8_t code) {
  switch (code) {
    case kDup:
      return pick(0);
    case kDrop:
      pop();
      return;
    case kOver:
      return pick(1);
    case kPick:
      return pick(cursor_.read<uint8_t>());
    case kSwap:
    case kRot: {
      const uint64_t top = pop();
      const uint64_t second = pop();
      const uint64_t third = code == kRot ? pop() : 0;
      push(top);
      if (code == kRot) push(third);
      return push(second);
    }
    case kAbs: {
      const uint64_t word = pop();
      return push(static_cast<int64_t>(word) < 0 ? 0 - word : word);
    }
    case kNeg:
      return push(0 - pop());
    case kNot:
      return push(~pop());
    default:
      return step_binary(code);
  }
}

void Machine::step_binary(uint8_t code) {
  const uint64_t right = pop();
  const uint64_t left = pop();
  const auto signed_right = static_cast<int64_t>(right);
  const auto signed_left = static_cast<int64_t>(left);
  switch (code) {
    case kAnd:
      return push(left & right);
    case kOr:
      return push(left | right);
    case kXor:
      return push(left ^ right);
    case kPlus:
      return push(left + right);
    case kMinus:
      return push(left - right);
    case kMul:
      return push(left * right);
    case kShl:
      return push(right < 64 ? left << right : 0);
    case kShr:
      return push(right < 64 ? left >> right : 0);
    case kShra:
      if (right >= 63) return push(signed_left < 0 ? ~uint64_t{0} : 0);
      return push(static_cast<uint64_t>(signed_left >> right));
    case kDiv:
      if (right == 0 || (right == ~uint64_t{0} && left == uint64_t{1} << 63)) break;
      return push(static_cast<uint64_t>(signed_left / signed_right));
    case kMod:
      if (right == 0) break;
      return push(left % right);
    case kEq:
      return push(left == right);
    case kNe:
      return push(left != right);
    case kLt:
      return push(signed_left < signed_right);
    case kLe:
      return push(signed_left <= signed_right);
    case kGt:
      return push(signed_left > signed_right);
    case kGe:
      return push(signed_left >= signed_right);
    default:
      break;
  }
  good_ = false;
}

}  // namespace

bool evaluate(Bytes expression, const Registers& registers, const uint64_t* first, Memory& memory,
              uint64_t& out) {
  return Machine(expression, registers, memory).run(first, out);
}

}  // namespace loam::stack

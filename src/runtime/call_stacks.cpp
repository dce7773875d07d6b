#include "runtime/call_stacks.hpp"

#include "stack/memory.hpp"

namespace loam::runtime {

check::StackId stack_of_access(const void* context, sys::AccessKind kind) {
  stack::Registers registers = stack::Registers::of(*static_cast<const ucontext_t*>(context));
  if (kind == sys::AccessKind::kExecute) {
    // The call has pushed where it would have returned to, and nothing else has happened.
    uint64_t pc = 0;
    stack::Memory memory;
    if (!memory.read(registers.sp(), pc)) return stack::kNoStack;
    registers.set(stack::kReturnAddress, pc);
    registers.set(stack::kRsp, registers.sp() + sizeof pc);
    registers.interrupted = false;
  }
  return stack::capture_id(nullptr, registers, nullptr);
}

}  // namespace loam::runtime

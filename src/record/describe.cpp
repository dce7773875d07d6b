#include "record/describe.hpp"

#include "stack/modules.hpp"
#include "stack/stack.hpp"

namespace loam::record {

void describe_stack(uint32_t stack, DescribedStack* out) {
  stack::Frame frames[kMostFrames];
  const stack::Resolved resolved = stack::resolve(stack, frames, kMostFrames);
  out->record = {stack, static_cast<format::StackEnding>(resolved.ending), resolved.count, resolved.depth};
  for (uint32_t i = 0; i < resolved.count; ++i) out->frames[i] = frames[i].word();
}

bool describe_module(uint32_t id, format::ModuleRecord* record, const char** path) {
  const stack::Module* module = stack::module_of(static_cast<uint16_t>(id));
  if (module == nullptr) return false;
  record->id = id;
  record->start = module->start;
  record->end = module->end;
  record->bias = module->bias;
  record->build_id_bytes = module->build_id_size;
  static_assert(sizeof record->build_id >= sizeof module->build_id);
  __builtin_memcpy(record->build_id, module->build_id, module->build_id_size);
  *path = module->path;
  return true;
}

}  // namespace loam::record

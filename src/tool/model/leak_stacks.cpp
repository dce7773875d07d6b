#include "tool/model/leak_stacks.hpp"

#include "format/stacks.hpp"

namespace loam::tool {

LeakStacks::LeakStacks(const std::string& bytes) {
  format::StackRecords records(bytes.data(), bytes.size());
  while (records.next()) {
    format::ModuleRecord module{};
    format::StackRecord stack{};
    const char* path = nullptr;
    if (records.kind() == format::RecordKind::kModule && records.module(module, path)) {
      modules_[module.id] = {
          {std::string(path, module.path_bytes), {module.build_id, module.build_id + module.build_id_bytes}},
          module.bias};
    } else if (records.kind() == format::RecordKind::kStack && records.stack(stack)) {
      Stack& kept = stacks_[stack.id];
      kept.depth = stack.depth;
      for (std::uint32_t i = 0; i < stack.frame_count; ++i) kept.frames.push_back(records.frame(i));
    }
  }
}

std::vector<SourceFrame> LeakStacks::find(std::uint32_t id, Symbols& symbols, std::uint32_t* left_out) const {
  std::vector<SourceFrame> frames;
  const auto stack = stacks_.find(id);
  if (stack == stacks_.end()) return frames;
  const auto kept = static_cast<std::uint32_t>(stack->second.frames.size());
  *left_out = stack->second.depth > kept ? stack->second.depth - kept : 0;
  for (const std::uint64_t word : stack->second.frames) {
    const std::uint64_t pc = format::frame_pc(word);
    const auto module = modules_.find(format::frame_module(word));
    if (module == modules_.end()) {
      SourceFrame unknown;
      unknown.address = pc;
      frames.push_back(unknown);
      continue;
    }
    for (SourceFrame& found : symbols.find(module->second.source, pc - module->second.bias, pc))
      frames.push_back(std::move(found));
  }
  return frames;
}

}  // namespace loam::tool

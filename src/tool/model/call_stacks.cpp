#include "tool/model/call_stacks.hpp"

#include "format/stacks.hpp"
#include "tool/model/failure.hpp"

namespace loam::tool {

void CallStacks::read(const char* data, std::size_t bytes) {
  format::StackRecords records(data, bytes);
  const auto make_sure = [](bool good) {
    if (!good) throw Failure(kExitFailure, "the stacks in the answer make no sense");
  };
  while (records.next()) {
    if (records.kind() == format::RecordKind::kModule) {
      format::ModuleRecord record{};
      const char* path = nullptr;
      make_sure(records.module(record, path));
      modules_[record.id] = {
          {std::string(path, record.path_bytes), {record.build_id, record.build_id + record.build_id_bytes}},
          record.bias,
          record.start,
          record.end};
    } else if (records.kind() == format::RecordKind::kStack) {
      format::StackRecord record{};
      make_sure(records.stack(record));
      Stack& stack = stacks_[record.id];
      stack.depth = record.depth;
      stack.complete = record.ending != format::StackEnding::kLost;
      stack.frames.clear();
      for (std::uint32_t i = 0; i < record.frame_count; ++i) stack.frames.push_back(records.frame(i));
    }
  }
  make_sure(records.good());
}

CallStacks::Text CallStacks::describe(std::uint32_t id, Symbols& symbols) const {
  Text text;
  const auto found = stacks_.find(id);
  if (found == stacks_.end()) return text;
  const Stack& stack = found->second;
  for (const std::uint64_t word : stack.frames) {
    const std::uint64_t pc = format::frame_pc(word);
    const auto module = modules_.find(format::frame_module(word));
    if (module == modules_.end()) {
      SourceFrame frame;
      frame.address = pc;
      text.frames.push_back(frame);
      continue;
    }
    const Module& of = module->second;
    for (SourceFrame& frame : symbols.find(of.source, pc - of.bias, pc))
      text.frames.push_back(std::move(frame));
  }
  text.left_out = stack.depth - static_cast<std::uint32_t>(stack.frames.size());
  text.complete = stack.complete;
  return text;
}

std::vector<SourceModule> CallStacks::modules() const {
  std::vector<SourceModule> all;
  for (const auto& [id, module] : modules_) all.push_back(module.source);
  return all;
}

}  // namespace loam::tool

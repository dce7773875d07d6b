#include "format/stacks.hpp"

#include <gtest/gtest.h>

#include <string>

namespace loam::format {
namespace {

struct Stream {
  std::string bytes;
  bool operator()(const void* data, std::size_t size) {
    if (size != 0) bytes.append(static_cast<const char*>(data), size);
    return true;
  }
};

Stream two_records() {
  Stream out;
  ModuleRecord module{};
  module.id = 7;
  module.start = 0x1000;
  module.end = 0x9000;
  module.bias = 0x800;
  module.build_id_bytes = 3;
  module.build_id[2] = 0xab;
  EXPECT_TRUE(put_module(out, module, "/lib/some.so"));
  const std::uint64_t frames[] = {0x1234 | std::uint64_t{7} << 48, 0x5678 | std::uint64_t{1} << 47};
  EXPECT_TRUE(put_stack(out, {99, StackEnding::kLost, 2, 5}, frames));
  return out;
}

TEST(Stacks, AreReadAsWritten) {
  const Stream stream = two_records();
  StackRecords records(stream.bytes.data(), stream.bytes.size());
  ASSERT_TRUE(records.next());
  ASSERT_EQ(records.kind(), RecordKind::kModule);
  ModuleRecord module;
  const char* path = nullptr;
  ASSERT_TRUE(records.module(module, path));
  EXPECT_EQ(std::string(path, module.path_bytes), "/lib/some.so");
  EXPECT_EQ(module.id, 7u);
  EXPECT_EQ(module.end, 0x9000u);
  EXPECT_EQ(module.build_id[2], 0xab);
  ASSERT_TRUE(records.next());
  ASSERT_EQ(records.kind(), RecordKind::kStack);
  StackRecord stack;
  ASSERT_TRUE(records.stack(stack));
  EXPECT_EQ(stack.id, 99u);
  EXPECT_EQ(stack.ending, StackEnding::kLost);
  EXPECT_EQ(stack.depth, 5u);
  EXPECT_EQ(frame_pc(records.frame(0)), 0x1234u);
  EXPECT_EQ(frame_module(records.frame(0)), 7u);
  EXPECT_FALSE(frame_guessed(records.frame(0)));
  EXPECT_TRUE(frame_guessed(records.frame(1)));
  EXPECT_FALSE(records.next());
  EXPECT_TRUE(records.good());
}

TEST(Stacks, EveryCutIsNoticed) {
  const Stream stream = two_records();
  const std::size_t first = 8 + sizeof(ModuleRecord) + 16;
  for (std::size_t size = 1; size < stream.bytes.size(); ++size) {
    StackRecords records(stream.bytes.data(), size);
    while (records.next()) {
    }
    EXPECT_EQ(records.good(), size == first) << size;
  }
}

TEST(Stacks, EveryWrongByteIsSurvived) {
  Stream stream = two_records();
  for (char& byte : stream.bytes) {
    for (const int value : {0, 0x7f, 0x80, 0xff}) {
      const char kept = byte;
      byte = static_cast<char>(value);
      const std::string copy(stream.bytes);  // of its own size, for a sanitizer's eyes
      StackRecords records(copy.data(), copy.size());
      std::uint64_t sum = 0;
      while (records.next()) {
        ModuleRecord module;
        StackRecord stack;
        const char* path = nullptr;
        if (records.module(module, path)) sum += std::string(path, module.path_bytes).size();
        if (!records.stack(stack)) continue;
        for (std::uint32_t i = 0; i < stack.frame_count; ++i) sum += records.frame(i);
      }
      EXPECT_GE(sum, 0u);
      byte = kept;
    }
  }
}

TEST(Stacks, WritingEndsWithTheFirstRefusal) {
  int calls = 0;
  EXPECT_FALSE(put_module([&](const void*, std::size_t) { return ++calls < 2; }, ModuleRecord{}, "x"));
  EXPECT_EQ(calls, 2);
}

}  // namespace
}  // namespace loam::format

#include "sys/mappings.hpp"

#include <gtest/gtest.h>

namespace {

using namespace loam::sys;

TEST(Mappings, ParsesALine) {
  const MappingLine line = parse_mapping("7f12a000-7f12b000 r-xs 00001000 fe:00 1234      /usr/lib/a b.so");
  EXPECT_EQ(line.start, 0x7f12a000u);
  EXPECT_EQ(line.end, 0x7f12b000u);
  EXPECT_EQ(line.offset, 0x1000u);
  EXPECT_TRUE(line.readable && !line.writable && line.executable && line.shared);
  EXPECT_STREQ(line.name, "/usr/lib/a b.so");
  const MappingLine bare = parse_mapping("1000-2000 rw-p 00000000 00:00 0 ");
  EXPECT_TRUE(bare.readable && bare.writable && !bare.executable && !bare.shared);
  EXPECT_STREQ(bare.name, "");
  EXPECT_EQ(parse_mapping("").end, 0u);
}

TEST(Mappings, FindsItself) {
  Mappings mappings;
  ASSERT_TRUE(mappings.opened());
  bool stack = false;
  bool here = false;
  uint64_t last = 0;
  const auto code = reinterpret_cast<uint64_t>(&parse_mapping);
  for (MappingLine line; mappings.next(&line);) {
    EXPECT_GE(line.start, last);
    last = line.end;
    stack = stack || std::string(line.name) == "[stack]";
    here = here || (line.executable && code >= line.start && code < line.end);
  }
  EXPECT_TRUE(stack && here);
}

}  // namespace

#include "stack/cursor.hpp"

#include <gtest/gtest.h>

#include <vector>

namespace loam::stack {
namespace {

using Data = std::vector<uint8_t>;

Cursor over(const Data& data) { return {data.data(), data.data() + data.size()}; }

TEST(Cursor, ReadsFixedWidths) {
  const Data data = {1, 2, 3, 4, 5, 6, 7, 8, 0xff};
  Cursor cursor = over(data);
  EXPECT_EQ(cursor.read<uint8_t>(), 1u);
  EXPECT_EQ(cursor.read<uint16_t>(), 0x0302u);
  EXPECT_EQ(cursor.read<uint32_t>(), 0x07060504u);
  EXPECT_EQ(cursor.left(), 2u);
  EXPECT_EQ(cursor.read<uint32_t>(), 0u);
  EXPECT_FALSE(cursor.good());
  EXPECT_TRUE(cursor.at_end());
  EXPECT_EQ(cursor.read<uint8_t>(), 0u) << "a bad cursor stays bad";
}

TEST(Cursor, ReadsLeb128) {
  const Data data = {0x02, 0x7f, 0x80, 0x01, 0xe5, 0x8e, 0x26, 0x7e, 0x81, 0x7f, 0x80, 0x7f};
  Cursor cursor = over(data);
  EXPECT_EQ(cursor.uleb(), 2u);
  EXPECT_EQ(cursor.uleb(), 127u);
  EXPECT_EQ(cursor.uleb(), 128u);
  EXPECT_EQ(cursor.uleb(), 624485u);
  EXPECT_EQ(cursor.sleb(), -2);
  EXPECT_EQ(cursor.sleb(), -127);
  EXPECT_EQ(cursor.sleb(), -128);
  EXPECT_TRUE(cursor.good() && cursor.at_end());
}

TEST(Cursor, EndlessLeb128IsBad) {
  const Data data(40, 0x80);
  Cursor unsigned_one = over(data);
  unsigned_one.uleb();
  EXPECT_FALSE(unsigned_one.good());
  Cursor signed_one = over(data);
  signed_one.sleb();
  EXPECT_FALSE(signed_one.good());
}

TEST(Cursor, JumpsStayInside) {
  const Data data(10, 7);
  Cursor cursor = over(data);
  cursor.skip(4);
  cursor.jump(-4, data.data());
  EXPECT_EQ(cursor.left(), 10u);
  cursor.jump(10, data.data());
  EXPECT_TRUE(cursor.good() && cursor.at_end());
  cursor.jump(-11, data.data());
  EXPECT_FALSE(cursor.good());
}

TEST(Cursor, TextsEndWithZero) {
  const Data data = {'z', 'R', 0, 'x'};
  Cursor cursor = over(data);
  EXPECT_STREQ(cursor.text(), "zR");
  EXPECT_EQ(cursor.text(), nullptr);
  EXPECT_FALSE(cursor.good());
}

TEST(Cursor, DecodesPointers) {
  Data data(16, 0);
  data[0] = 0xf0;
  data[1] = data[2] = data[3] = 0xff;  // -16 in four bytes
  const auto place = reinterpret_cast<uint64_t>(data.data());
  EXPECT_EQ(over(data).pointer(0x03, 0), 0xfffffff0u);
  EXPECT_EQ(over(data).pointer(0x0b, 0), ~uint64_t{15});
  EXPECT_EQ(over(data).pointer(0x1b, 0), place - 16);
  EXPECT_EQ(over(data).pointer(0x3b, 1000), 984u);
  EXPECT_EQ(over(data).pointer(0x0a, 0), ~uint64_t{15});
  EXPECT_EQ(over(data).pointer(0x04, 0), 0xfffffff0u);
  for (const int encoding : {0x9b, 0x50, 0x20, 0x0f, 0xff}) {
    Cursor cursor = over(data);
    cursor.pointer(static_cast<uint8_t>(encoding), 0);
    EXPECT_FALSE(cursor.good()) << encoding;
  }
}

}  // namespace
}  // namespace loam::stack

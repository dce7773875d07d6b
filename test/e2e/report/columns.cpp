// What the tool writes for the page: numbers, base64, the place in the page, and live blocks in a table with holes.

#include <gtest/gtest.h>
#include <zlib.h>

#include <map>
#include <random>

#include "tool/model/live_blocks.hpp"
#include "tool/model/report_book.hpp"
#include "tool/render/report_columns.hpp"
#include "tool/render/report_page.hpp"

namespace loam::tool {
namespace {

std::string from_base64(const std::string& text) {
  static const std::string kDigits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string out;
  unsigned group = 0;
  int bits = 0;
  for (const char c : text) {
    if (c == '=') break;
    group = (group << 6U) | static_cast<unsigned>(kDigits.find(c));
    bits += 6;
    if (bits < 8) continue;
    bits -= 8;
    out.push_back(static_cast<char>(group >> bits));
  }
  return out;
}

TEST(ReportColumns, Base64) {
  EXPECT_EQ(base64(""), "");
  EXPECT_EQ(base64("f"), "Zg==");
  EXPECT_EQ(base64("fo"), "Zm8=");
  EXPECT_EQ(base64("foobar"), "Zm9vYmFy");
  EXPECT_EQ(base64("\xff\xfe\xfd"), "//79");
}

TEST(ReportColumns, ComeBackAsTheyWere) {
  ReportColumns columns;
  columns.numbers("n", {0, 127, 128, 300, std::uint64_t{1} << 52U});
  columns.bytes("b", {1, 2, 255});
  const std::string packed = from_base64(columns.text({{"schema", "loam-report/1"}, {"name", "</script>"}}));
  std::string whole(10000, '\0');
  uLongf length = whole.size();
  ASSERT_EQ(uncompress(reinterpret_cast<Bytef*>(whole.data()), &length,
                       reinterpret_cast<const Bytef*>(packed.data()), packed.size()),
            Z_OK);
  whole.resize(length);
  const std::size_t head_length =
      static_cast<unsigned char>(whole[0]) + 256U * static_cast<unsigned char>(whole[1]);
  const Json head = Json::parse(whole.substr(4, head_length));
  EXPECT_EQ(head.at("name").get<std::string>(), "</script>");
  EXPECT_EQ(head.at("columns").at(0).at("count").get<int>(), 5);
  EXPECT_EQ(whole.substr(4 + head_length, 6), std::string("\x00\x7f\x80\x01\xac\x02", 6));
  EXPECT_EQ(whole.substr(whole.size() - 3), "\x01\x02\xff");
}

TEST(ReportPage, HasOnePlaceForDataAndNoWayOut) {
  const std::string_view page = empty_page();
  EXPECT_TRUE(page.starts_with("<!doctype html>"));
  EXPECT_EQ(page.find("http://"), page.find("http://www.w3.org"));  // names of SVG, nothing to load
  EXPECT_NE(page.find("default-src 'none'"), std::string_view::npos);
  const std::string filled = report_page("QUJD");
  EXPECT_NE(filled.find("id=\"loam-data\">QUJD</script>"), std::string::npos);
}

TEST(LiveBlocks, AgreesWithAMap) {
  LiveBlocks<int> table;
  std::map<std::uint64_t, int> plain;
  std::mt19937_64 random(3);
  for (int i = 0; i < 200000; ++i) {
    const std::uint64_t address = 16 * (random() % 3000);
    if (random() % 2 == 0) {
      bool is_new = false;
      table.at(address, is_new) = i;
      EXPECT_EQ(is_new, plain.count(address) == 0);
      plain[address] = i;
    } else {
      int value = -1;
      const auto found = plain.find(address);
      ASSERT_EQ(table.take(address, value), found != plain.end());
      if (found == plain.end()) continue;
      EXPECT_EQ(value, found->second);
      plain.erase(found);
    }
  }
  EXPECT_EQ(table.size(), plain.size());
  std::size_t visited = 0;
  table.visit([&](std::uint64_t address, int value) {
    ++visited;
    EXPECT_EQ(plain.at(address), value);
  });
  EXPECT_EQ(visited, plain.size());
}

TEST(SizeBins, BeginAtHalfPowersOfTwo) {
  EXPECT_EQ(size_bin(0), 0u);
  EXPECT_EQ(size_bin(1), 1u);
  EXPECT_EQ(size_bin(2), 3u);
  EXPECT_EQ(size_bin(3), 4u);
  EXPECT_EQ(size_bin(16), 9u);
  EXPECT_EQ(size_bin(23), 9u);
  EXPECT_EQ(size_bin(24), 10u);
  EXPECT_EQ(size_bin(~std::uint64_t{0}), kSizeBins - 1);
}

}  // namespace
}  // namespace loam::tool

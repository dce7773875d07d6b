// JSON as the tool prints and reads it: every kind of value, what no JSON can hold, and texts that are none.

#include <gtest/gtest.h>

#include <limits>

#include "tool/model/json_value.hpp"

namespace loam::tool {
namespace {

TEST(Json, PrintsEveryKindOfValue) {
  const Json json = {{"null", nullptr},
                     {"yes", true},
                     {"least", std::numeric_limits<std::int64_t>::min()},
                     {"most", std::numeric_limits<std::uint64_t>::max()},
                     {"int", -1},
                     {"whole", 0.0},
                     {"third", 1.0 / 3},
                     {"huge", 1e300},
                     {"infinite", std::numeric_limits<double>::infinity()},
                     {"words", std::vector<std::string>{"a", "b"}},
                     {"none", Json::object()}};
  EXPECT_EQ(
      json.text(),
      "{\"null\":null,\"yes\":true,\"least\":-9223372036854775808,\"most\":18446744073709551615,\"int\":-1,"
      "\"whole\":0.0,\"third\":0.3333333333333333,\"huge\":1e+300,\"infinite\":null,"
      "\"words\":[\"a\",\"b\"],\"none\":{}}");
  EXPECT_EQ((Json{{"a", {{"b", 1}}}, {"c", Json::array()}}).text(2),
            "{\n  \"a\": {\n    \"b\": 1\n  },\n  \"c\": []\n}");
}

TEST(Json, ReplacesBytesThatAreNoText) {
  EXPECT_EQ(Json("a\xff\"\n\x01/").text(), "\"a\xef\xbf\xbd\\\"\\n\\u0001/\"");
  EXPECT_EQ(Json({{"\xc3", "\xc3\xa9"}}).text(), "{\"\xef\xbf\xbd\":\"\xc3\xa9\"}");
}

TEST(Json, BracesAreObjectsIfEachElementIsANamedValue) {
  EXPECT_EQ(Json({1, 2, 3}).text(), "[1,2,3]");
  EXPECT_EQ(Json({{"a", 1}}).text(), "{\"a\":1}");
  EXPECT_EQ(Json({{{"a", 1}}}).text(), "[{\"a\":1}]");
  EXPECT_EQ(Json({{1, 2}, {3, 4}}).text(), "[[1,2],[3,4]]");
  const Json part = {{"b", "two"}};
  EXPECT_EQ(Json({{"a", part}, {"again", part}}).text(), "{\"a\":{\"b\":\"two\"},\"again\":{\"b\":\"two\"}}");
}

TEST(Json, MembersKeepTheirOrderAndOneValueEach) {
  Json json;
  std::string expected;
  for (int i = 99; i >= 0; --i) {
    json["n" + std::to_string(i)] = "old";
    json["n" + std::to_string(i)] = i;
    if (i != 50)
      expected += (expected.empty() ? "\"n" : ",\"n") + std::to_string(i) + "\":" + std::to_string(i);
  }
  EXPECT_EQ(json.size(), 100u);
  json.erase("n50");
  json.erase("n50");
  EXPECT_EQ(json.text(), "{" + expected + "}");
  for (int i = 0; i < 100; ++i) {
    EXPECT_EQ(json.contains("n" + std::to_string(i)), i != 50);
    if (i != 50) {
      EXPECT_EQ(json.at("n" + std::to_string(i)).get<int>(), i);
    }
  }
  json.update({{"n0", "new"}, {"more", 1}});
  EXPECT_EQ(json.at("n0").get<std::string>(), "new");
  EXPECT_EQ(json.size(), 100u);
  EXPECT_EQ(json.names().back(), "more");
}

TEST(Json, ReadsWhatItPrinted) {
  const std::string text =
      "{\"a\":[1,-2,2.5,\"\xc3\xa9\",null,true,[],{\"b\":{\"c\":[{}]}}],\"d\":{\"e\":\"f\"},\"g\":"
      "18446744073709551615}";
  const Json json = Json::parse(text);
  EXPECT_EQ(json.text(), text);
  const Json copy = json;
  EXPECT_EQ(copy.text(), text);
  std::string kinds;
  for (const Json& each : json.at("a")) {
    kinds += each.is_number_unsigned() ? 'u'
             : each.is_number()        ? 'n'
             : each.is_string()        ? 's'
             : each.is_boolean()       ? 'b'
             : each.is_array()         ? 'a'
             : each.is_object()        ? 'o'
             : each.is_null()          ? '0'
                                       : '?';
  }
  EXPECT_EQ(kinds, "unns0bao");
  EXPECT_EQ(json.at("a").at(2).get<double>(), 2.5);
  EXPECT_EQ(json.at("a").at(1).get<int>(), -2);
  EXPECT_EQ(json.at("g").get<std::uint64_t>(), std::numeric_limits<std::uint64_t>::max());
}

TEST(Json, RefusesWhatIsNone) {
  for (const char* text : {"", "{", "{\"a\":}", "[1,]", "{\"a\":1} x", "nul", "\"\xff\""}) {
    EXPECT_TRUE(Json::parse_or_null(text).is_null()) << text;
    EXPECT_THROW(Json::parse(text), JsonError) << text;
  }
  // Whoever walks it would have no stack left.
  const std::string deep(100000, '[');
  EXPECT_THROW(Json::parse(deep + std::string(deep.size(), ']')), JsonError);
  EXPECT_EQ(Json::parse(std::string(100, '[') + std::string(100, ']')).size(), 1u);
}

TEST(Json, RefusesAnotherTypeThanAskedFor) {
  Json json = {{"a", "text"}, {"b", {1}}};
  EXPECT_THROW(json.at("c"), JsonError);
  EXPECT_TRUE(json.find("c").find("d").is_null());
  EXPECT_THROW(json.at("b").at(1), JsonError);
  EXPECT_THROW(json.at("a").get<int>(), JsonError);
  EXPECT_THROW(json.at("b").at(0).get<std::string>(), JsonError);
  EXPECT_THROW(json.at("a").begin(), JsonError);
  EXPECT_THROW(json["a"]["b"], JsonError);
  EXPECT_THROW(json["a"].push_back(1), JsonError);
}

}  // namespace
}  // namespace loam::tool

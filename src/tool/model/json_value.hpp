// A value of JSON: built, printed and read. nlohmann-json does the printing and the reading in json_value.cpp, the one file that
// includes it (its header takes ten seconds to compile); this header is read in a blink.
//
// A braced list is an object if each of its elements is a list of a name and a value, else an array. Members keep the order in
// which they came. A null becomes an object or an array when a member or an element is added.
#pragma once

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

namespace loam::tool {

// A text that is no JSON, or a value of another type than was asked for.
class JsonError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

class Json {
 public:
  Json() noexcept;
  Json(std::nullptr_t) noexcept;
  template <class T>
    requires std::is_integral_v<T>
  Json(T number) : Json(Number{static_cast<std::uint64_t>(number), kind_of<T>()}) {}
  Json(double number);
  Json(const char* text);
  Json(std::string text);
  Json(std::string_view text);
  template <class T>
  Json(const std::vector<T>& values) : Json(array()) {
    for (const T& value : values) push_back(value);
  }
  Json(std::initializer_list<Json> list);
  Json(const Json& other);
  Json(Json&& other) noexcept;
  Json& operator=(const Json& other);
  Json& operator=(Json&& other) noexcept;
  ~Json();

  static Json array();
  static Json object();
  // Throws JsonError if the text is no JSON, or is nested deeper than any that loam writes.
  static Json parse(std::string_view text);
  static Json parse_or_null(std::string_view text);

  // The member of that name, which becomes null if there was none.
  Json& operator[](std::string_view name);
  void push_back(Json value);
  void erase(std::string_view name);
  // Takes over the members of an object.
  void update(Json other);

  bool is_null() const;
  bool is_boolean() const;
  bool is_number() const;
  bool is_number_unsigned() const;
  bool is_string() const;
  bool is_array() const;
  bool is_object() const;

  // Elements or members; 0 of what has none.
  std::size_t size() const;
  bool empty() const { return size() == 0; }
  bool contains(std::string_view name) const;
  // The member, null if there is none.
  const Json& find(std::string_view name) const;
  const Json& at(std::string_view name) const;
  const Json& at(std::size_t index) const;
  // Of the members of an object.
  std::vector<std::string> names() const;
  // The elements of an array.
  const Json* begin() const;
  const Json* end() const;
  // For bool, int, unsigned, std::uint64_t, double and std::string. A number is converted to the type of number asked for.
  template <class T>
  T get() const;

  // In one line, or over several if there is an indent. Names and paths may hold any bytes, JSON only UTF-8: what is not becomes the
  // replacement character.
  std::string text(int indent = -1) const;

 private:
  struct Value;
  struct Printer;
  enum class Kind { kBoolean, kSigned, kUnsigned };
  struct Number {
    std::uint64_t bits;
    Kind kind;
  };
  template <class T>
  static constexpr Kind kind_of() {
    return std::is_same_v<T, bool> ? Kind::kBoolean : std::is_signed_v<T> ? Kind::kSigned : Kind::kUnsigned;
  }
  explicit Json(Number number);
  explicit Json(Value value);
  // Leaves null behind.
  static Json taken(const Json& from);
  const Json* member(std::string_view name) const;

  // Mutable since the elements of a braced list are const and yet moved from. None: null.
  mutable std::unique_ptr<Value> value_;
};

}  // namespace loam::tool

#include "tool/model/json_value.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <unordered_map>
#include <utility>
#include <variant>

namespace loam::tool {
namespace {

using nlohmann::ordered_json;
using Array = std::vector<Json>;

// More than any document that loam reads has; whoever walks a value walks it by recursion.
constexpr std::size_t kMostNested = 200;

// Members in their order; many are looked up by an index, since a file that `loam leaks` has written may hold a hundred thousand.
class Object {
 public:
  std::size_t size() const { return members_.size(); }
  auto begin() const { return members_.begin(); }
  auto end() const { return members_.end(); }

  const Json* find(std::string_view name) const {
    if (members_.size() > kFew) {
      const auto at = index_.find(std::string(name));
      return at == index_.end() ? nullptr : &members_[at->second].second;
    }
    for (const auto& [known, value] : members_) {
      if (known == name) return &value;
    }
    return nullptr;
  }

  Json& member(std::string_view name) {
    if (const Json* known = find(name)) return const_cast<Json&>(*known);
    members_.emplace_back(name, nullptr);
    if (members_.size() > kFew) note_from(index_.size());
    return members_.back().second;
  }

  void erase(std::string_view name) {
    std::erase_if(members_, [&](const auto& member) { return member.first == name; });
    index_.clear();
    if (members_.size() > kFew) note_from(0);
  }

 private:
  static constexpr std::size_t kFew = 16;

  void note_from(std::size_t first) {
    for (std::size_t i = first; i < members_.size(); ++i) index_.emplace(members_[i].first, i);
  }

  std::vector<std::pair<std::string, Json>> members_;
  std::unordered_map<std::string, std::size_t> index_;  // of all, if they are more than a few
};

}  // namespace

struct Json::Value : std::variant<bool, std::int64_t, std::uint64_t, double, std::string, Array, Object> {
  using variant::variant;
  const variant& base() const { return *this; }
};

namespace {

template <class T, class V>
T* as(const std::unique_ptr<V>& value) {
  return value == nullptr ? nullptr : std::get_if<T>(value.get());
}

}  // namespace

Json::Json() noexcept = default;
Json::Json(std::nullptr_t) noexcept {}
Json::Json(Value value) : value_(std::make_unique<Value>(std::move(value))) {}
Json::Json(double number) : Json(Value(number)) {}
Json::Json(const char* text) : Json(Value(std::string(text))) {}
Json::Json(std::string text) : Json(Value(std::move(text))) {}
Json::Json(std::string_view text) : Json(Value(std::string(text))) {}
Json::Json(Number number)
    : Json(number.kind == Kind::kBoolean  ? Value(number.bits != 0)
           : number.kind == Kind::kSigned ? Value(static_cast<std::int64_t>(number.bits))
                                          : Value(number.bits)) {}

Json::Json(std::initializer_list<Json> list) {
  const bool is_object = std::all_of(list.begin(), list.end(), [](const Json& element) {
    return element.is_array() && element.size() == 2 && element.at(0).is_string();
  });
  Value value = is_object ? Value(Object()) : Value(Array());
  value_ = std::make_unique<Value>(std::move(value));
  for (const Json& element : list) {
    if (is_object)
      (*this)[element.at(0).get<std::string>()] = taken(element.at(1));
    else
      push_back(taken(element));
  }
}

Json::Json(const Json& other)
    : value_(other.value_ == nullptr ? nullptr : std::make_unique<Value>(*other.value_)) {}
Json::Json(Json&& other) noexcept = default;
Json& Json::operator=(const Json& other) { return *this = Json(other); }
Json& Json::operator=(Json&& other) noexcept = default;
Json::~Json() = default;

Json Json::taken(const Json& from) {
  Json out;
  out.value_ = std::move(from.value_);
  return out;
}

Json Json::array() { return Json(Value(Array())); }
Json Json::object() { return Json(Value(Object())); }

Json& Json::operator[](std::string_view name) {
  if (is_null()) *this = object();
  auto* members = as<Object>(value_);
  if (members == nullptr) throw JsonError("a member of what is no object");
  return members->member(name);
}

void Json::push_back(Json value) {
  if (is_null()) *this = array();
  auto* elements = as<Array>(value_);
  if (elements == nullptr) throw JsonError("an element of what is no array");
  elements->push_back(std::move(value));
}

void Json::erase(std::string_view name) {
  if (auto* members = as<Object>(value_)) members->erase(name);
}

void Json::update(Json other) {
  if (const auto* members = as<Object>(other.value_)) {
    for (const auto& [name, value] : *members) (*this)[name] = taken(value);
  }
}

bool Json::is_null() const { return value_ == nullptr; }
bool Json::is_boolean() const { return as<bool>(value_) != nullptr; }
bool Json::is_number_unsigned() const { return as<std::uint64_t>(value_) != nullptr; }
bool Json::is_number() const {
  return is_number_unsigned() || as<std::int64_t>(value_) != nullptr || as<double>(value_) != nullptr;
}
bool Json::is_string() const { return as<std::string>(value_) != nullptr; }
bool Json::is_array() const { return as<Array>(value_) != nullptr; }
bool Json::is_object() const { return as<Object>(value_) != nullptr; }

std::size_t Json::size() const {
  if (const auto* elements = as<Array>(value_)) return elements->size();
  const auto* members = as<Object>(value_);
  return members == nullptr ? 0 : members->size();
}

const Json* Json::member(std::string_view name) const {
  const auto* members = as<Object>(value_);
  return members == nullptr ? nullptr : members->find(name);
}

bool Json::contains(std::string_view name) const { return member(name) != nullptr; }

const Json& Json::find(std::string_view name) const {
  static const Json kNone;
  const Json* found = member(name);
  return found == nullptr ? kNone : *found;
}

const Json& Json::at(std::string_view name) const {
  const Json* found = member(name);
  if (found == nullptr) throw JsonError("no member " + std::string(name));
  return *found;
}

const Json& Json::at(std::size_t index) const {
  const auto* elements = as<Array>(value_);
  if (elements == nullptr || index >= elements->size())
    throw JsonError("no element " + std::to_string(index));
  return (*elements)[index];
}

std::vector<std::string> Json::names() const {
  std::vector<std::string> out;
  if (const auto* members = as<Object>(value_)) {
    for (const auto& member : *members) out.push_back(member.first);
  }
  return out;
}

const Json* Json::begin() const {
  const auto* elements = as<Array>(value_);
  if (elements == nullptr) throw JsonError("no array");
  return elements->data();
}

const Json* Json::end() const { return begin() + size(); }

template <class T>
T Json::get() const {
  if constexpr (std::is_arithmetic_v<T> && !std::is_same_v<T, bool>) {
    if (const auto* number = as<std::uint64_t>(value_)) return static_cast<T>(*number);
    if (const auto* number = as<std::int64_t>(value_)) return static_cast<T>(*number);
    if (const auto* number = as<double>(value_)) return static_cast<T>(*number);
  } else {
    if (const auto* value = as<T>(value_)) return *value;
  }
  throw JsonError("a value of another type: " + text());
}
template bool Json::get() const;
template int Json::get() const;
template unsigned Json::get() const;
template std::uint64_t Json::get() const;
template double Json::get() const;
template std::string Json::get() const;

namespace {

// What the library's reader has found, put together.
class Builder : public nlohmann::json_sax<ordered_json> {
 public:
  Json take() { return std::move(root_); }
  const std::string& error() const { return error_; }

  bool null() override { return add(nullptr); }
  bool boolean(bool value) override { return add(value); }
  bool number_integer(std::int64_t value) override { return add(value); }
  bool number_unsigned(std::uint64_t value) override { return add(value); }
  bool number_float(double value, const std::string&) override { return add(value); }
  bool string(std::string& value) override { return add(std::move(value)); }
  bool binary(ordered_json::binary_t&) override { return false; }
  bool start_object(std::size_t) override { return open(Json::object()); }
  bool start_array(std::size_t) override { return open(Json::array()); }
  bool end_object() override { return close(); }
  bool end_array() override { return close(); }
  bool key(std::string& value) override {
    name_ = std::move(value);
    return true;
  }
  bool parse_error(std::size_t, const std::string&, const nlohmann::detail::exception& error) override {
    error_ = error.what();
    return false;
  }

 private:
  // Values are put into their container when it is closed, so that none moves while another points to it.
  struct Open {
    std::string name;
    Json value;
  };

  bool add(Json value) {
    if (open_.empty())
      root_ = std::move(value);
    else if (open_.back().value.is_array())
      open_.back().value.push_back(std::move(value));
    else
      open_.back().value[name_] = std::move(value);
    return true;
  }

  bool open(Json container) {
    if (open_.size() == kMostNested) {
      error_ = "nested too deep";
      return false;
    }
    open_.push_back({std::move(name_), std::move(container)});
    name_.clear();
    return true;
  }

  bool close() {
    Open done = std::move(open_.back());
    open_.pop_back();
    name_ = std::move(done.name);
    return add(std::move(done.value));
  }

  Json root_;
  std::vector<Open> open_;
  std::string name_;
  std::string error_;
};

bool read(std::string_view text, Builder& builder) { return ordered_json::sax_parse(text, &builder); }

}  // namespace

Json Json::parse(std::string_view text) {
  Builder builder;
  if (!read(text, builder)) throw JsonError(builder.error());
  return builder.take();
}

Json Json::parse_or_null(std::string_view text) {
  Builder builder;
  return read(text, builder) ? builder.take() : Json();
}

struct Json::Printer {
  // The value as the library holds it.
  static ordered_json of(const Json& json) {
    if (json.is_null()) return nullptr;
    return std::visit([](const auto& value) { return of(value); }, json.value_->base());
  }

 private:
  template <class T>
  static ordered_json of(const T& scalar) {
    return scalar;
  }
  static ordered_json of(const Array& elements) {
    ordered_json out = ordered_json::array();
    for (const Json& element : elements) out.push_back(of(element));
    return out;
  }
  static ordered_json of(const Object& members) {
    ordered_json out = ordered_json::object();
    auto& object = out.get_ref<ordered_json::object_t&>();
    // Not through the object's own functions, which look for each name among all that are there.
    using Members = ordered_json::object_t::Container;
    for (const auto& [name, value] : members) static_cast<Members&>(object).emplace_back(name, of(value));
    return out;
  }
};

std::string Json::text(int indent) const {
  return Printer::of(*this).dump(indent, ' ', false, ordered_json::error_handler_t::replace);
}

}  // namespace loam::tool

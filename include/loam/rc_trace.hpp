// rc_trace.hpp - how a type tells the references that it owns, so that cycles through it can be collected.
//
//   struct node {
//     loam::rc<node> next;
//     std::vector<loam::rc<node>> others;
//     LOAM_RC_FIELDS(next, others)             // or: void trace(loam::rc_tracer& tracer) { tracer(next); tracer(others); }
//   };
//
// trace() must tell each reference that the object owns exactly once, change nothing, and not throw. It runs in the thread that collects
// (rc_cycles.hpp), for each object several times. A reference that it leaves out keeps its target alive for ever, if it is in a
// cycle; that is all.
#ifndef LOAM_RC_TRACE_HPP
#define LOAM_RC_TRACE_HPP

#include <loam/rc.hpp>

#include <ranges>
#include <string_view>
#include <utility>

namespace loam {

// Calls itself back for each reference that trace() tells. Made by the collector only.
class rc_tracer {
 public:
  // Each reference that the object owns, exactly once: pointers, containers and optionals of such, pairs, and members with a trace() of their
  // own. Not the keys of sets and maps, which cannot be made null.
  template <class T, class Counting>
  void operator()(basic_rc<T, Counting>& field) {
    if (field && visit_(*this, detail::rc_header_of(field.get()))) (void)field.release();
  }
  template <class T>
  void operator()(alias_rc<T>& field) {
    if (field.owner_ == nullptr || !visit_(*this, *field.owner_)) return;
    field.owner_ = nullptr;
    field.at_ = nullptr;
  }
  template <class First, class Second>
  void operator()(std::pair<First, Second>& field) {
    if constexpr (is_told<First>) (*this)(field.first);
    if constexpr (is_told<Second>) (*this)(field.second);
  }
  template <class Field>
  void operator()(Field& field) {
    if constexpr (detail::rc_traceable<Field>) {
      field.trace(*this);
    } else if constexpr (std::ranges::range<Field>) {
      for (auto&& each : field) (*this)(each);
    } else if constexpr (requires {
                           *field;
                           static_cast<bool>(field);
                         }) {
      if (field) (*this)(*field);
    } else {
      static_assert(!sizeof(Field), "neither a reference, nor anything that has some");
    }
  }

  // The same for several, with their names as the compiler's preprocessor writes them: "a, b".
  template <class... Fields>
  void fields(std::string_view names, Fields&... fields) {
    (named(names, fields), ...);
    field_ = {};
  }

 protected:
  // True: takes the reference over, and the field becomes null.
  using visitor = bool (*)(rc_tracer&, detail::rc_header&);
  explicit rc_tracer(visitor visit) noexcept : visit_(visit) {}
  ~rc_tracer() = default;
  // Of the reference that is being visited; empty where trace() does not tell.
  std::string_view field() const noexcept { return field_; }

 private:
  template <class Field>
  static constexpr bool is_told =
      !std::is_const_v<Field> && !std::is_arithmetic_v<Field> && !std::is_enum_v<Field>;

  template <class Field>
  void named(std::string_view& names, Field& field) {
    const std::size_t end = names.find(',');
    field_ = names.substr(0, end);
    (*this)(field);
    names = end == std::string_view::npos ? "" : names.substr(names.find_first_not_of(" ,", end));
  }

  visitor visit_;
  std::string_view field_;
};

// In a class: LOAM_RC_FIELDS(next, children) is its trace() with the fields' names, which reports then show.
#define LOAM_RC_FIELDS(...) \
  void trace(::loam::rc_tracer& loam_tracer) { loam_tracer.fields(#__VA_ARGS__, __VA_ARGS__); }

}  // namespace loam

#include <loam/detail/rc_leaks.hpp>

#endif

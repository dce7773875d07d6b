// How a counted object lies in memory: something that belongs to it, its header, the object. Not for direct use.
//
//   start of the block: a Prefix (the length of an array, a disposer, where the memory came from), padding, the object's place in a
//   collector's graph (8 bytes, of types that are not acyclic), rc_header, T...
//
// Invariant: the header ends where the object starts, so that one leads to the other without knowing the type.
#ifndef LOAM_DETAIL_RC_BLOCK_HPP
#define LOAM_DETAIL_RC_BLOCK_HPP

#include <loam/detail/rc_count.hpp>

#include <memory>
#include <memory_resource>
#include <type_traits>

namespace loam::detail {

template <class T>
rc_header& rc_header_of(T* object) noexcept {
  return reinterpret_cast<rc_header*>(const_cast<std::remove_cv_t<T>*>(object))[-1];
}

template <class T>
constexpr std::string_view rc_name_of() noexcept {
  // "... [with T = name; std::string_view = ...]" of GCC, "... [T = name]" of Clang; without RTTI.
  const std::string_view text = __PRETTY_FUNCTION__;
  const std::size_t start = text.find("T = ") + 4;
  return text.substr(start, text.find_first_of(";]", start) - start);
}

// A type whose references to counted objects are told by trace(rc_tracer&).
template <class T>
concept rc_traceable = requires(T& object, rc_tracer& tracer) { object.trace(tracer); };

// Of types that are not acyclic.
inline std::atomic<std::uint32_t>& rc_place_of(rc_header& object) noexcept {
  return reinterpret_cast<std::atomic<std::uint32_t>*>(&object)[-1];
}

struct rc_no_prefix {};
struct rc_length {
  std::size_t count;
};
struct rc_source {
  std::pmr::memory_resource* memory;
};
template <class Dispose>
struct rc_disposer {
  Dispose dispose;
};

template <class T, class Prefix>
struct rc_block {
  static constexpr std::size_t alignment = std::max({alignof(rc_header), alignof(T), alignof(Prefix)});
  static constexpr std::size_t before = std::is_empty_v<Prefix> ? 0 : sizeof(Prefix);
  static constexpr bool is_acyclic = !rc_traceable<T>;
  // From the start of the block to the object.
  static constexpr std::size_t offset =
      (before + (is_acyclic ? 0 : 8) + sizeof(rc_header) + alignment - 1) & ~(alignment - 1);
  static constexpr bool is_array = std::is_same_v<Prefix, rc_length>;

  static std::byte* start(const rc_header& header) noexcept {
    return reinterpret_cast<std::byte*>(const_cast<rc_header*>(&header + 1)) - offset;
  }
  static T* object(rc_header& header) noexcept { return reinterpret_cast<T*>(&header + 1); }
  static Prefix& prefix(const rc_header& header) noexcept {
    return *reinterpret_cast<Prefix*>(start(header));
  }
  static std::size_t count(const rc_header& header) noexcept {
    if constexpr (is_array) return prefix(header).count;
    return 1;
  }

  static void* allocate(std::size_t bytes) {
    if constexpr (alignment > __STDCPP_DEFAULT_NEW_ALIGNMENT__)
      return ::operator new(bytes, std::align_val_t{alignment});
    else
      return ::operator new(bytes);
  }
  static void free(rc_header& header) noexcept {
    if constexpr (std::is_same_v<Prefix, rc_source>) {
      prefix(header).memory->deallocate(start(header), offset + sizeof(T), alignment);
    } else if constexpr (alignment > __STDCPP_DEFAULT_NEW_ALIGNMENT__) {
      ::operator delete(start(header), std::align_val_t{alignment});
    } else {
      ::operator delete(start(header));
    }
  }

  static void dispose(rc_header& header) noexcept {
    if constexpr (is_array) {
      std::destroy_n(object(header), count(header));
    } else if constexpr (requires { prefix(header).dispose; }) {
      prefix(header).dispose(*object(header));
      std::destroy_at(object(header));
      std::destroy_at(&prefix(header));
    } else {
      std::destroy_at(object(header));
    }
  }
  static void trace(rc_header& header, rc_tracer& tracer) {
    if constexpr (!is_acyclic) {
      for (std::size_t i = 0; i < count(header); ++i) object(header)[i].trace(tracer);
    }
  }
  static const void* block(const rc_header& header) noexcept { return start(header); }

  static constexpr rc_type type{&dispose, &free, is_acyclic ? nullptr : &trace, &block, rc_name_of<T>()};
};

}  // namespace loam::detail

#endif

// A collected heap: objects live as long as something leads to them, cycles or not. Link with libloam-gc.so.
//
//   struct node {
//     gc::ptr<node> left, right;
//     void trace(gc::tracer& to) const { to(left), to(right); }
//   };
//   gc::ptr<node> top = gc::make<node>();       // found on the stack
//   std::vector<gc::root<node>> tops;           // memory from malloc is not searched: roots there
//
// An object's own pointers are those that its trace() names; a type without trace() has none. trace() of a type without a destructor may run
// on another thread while the object changes: it must not follow a pointer out of the object. Of other types it runs while all threads
// stand still.
//
// Roots are gc::root handles and, unless the program chooses otherwise, whatever looks like a pointer on stacks, in registers,
// thread-local storage and the data of modules. A pointer to any byte of an object holds it. Objects never move: all are pinned.
//
// Collections happen when the heap has grown by its live bytes (at least 4 MiB), inside make() on any thread, and when asked
// for. With 8 MiB live most of them look at young objects only. One that would take long is marked on another thread while the program runs,
// and all threads stand still for a moment twice; else they stand still until it is done.
// Cost: make() of a small object about 5 ns and its constructor; a ptr is a plain pointer.
//
// Threads: any thread may use the heap, and is known from its first make() on. Two threads using one ptr, root, weak or map
// must agree, as with any object; different ones need no care.
#ifndef LOAM_GC_HPP
#define LOAM_GC_HPP

#include <array>
#include <cstddef>
#include <cstdint>
#include <loam/detail/gc_interface.hpp>
#include <memory>
#include <new>
#include <type_traits>
#include <utility>

namespace loam::gc {

template <class T>
class ptr;
template <class T>
class root;

// What trace() gets: call it with every pointer of the object's that may lead into the heap, null or not, where it lies: by reference.
class tracer {
 public:
  template <class T>
  void operator()(const ptr<T>& pointer) {
    loam_gc_mark(marker_, pointer.get(), &pointer);
  }
  // Members of members.
  template <class T>
    requires requires(const T& part, tracer& to) { part.trace(to); }
  void operator()(const T& part) {
    part.trace(*this);
  }
  // A raw pointer to any byte of an object.
  template <class T>
  void operator()(T* const& pointer) {
    loam_gc_mark(marker_, pointer, &pointer);
  }
  // Every aligned word of [first, last), conservatively.
  void words(const void* first, const void* last) { loam_gc_mark_range(marker_, first, last); }

  // For the collector.
  explicit tracer(void* marker) : marker_(marker) {}

 private:
  void* marker_;
};

template <class T>
concept traced = requires(const T& object, tracer& to) { object.trace(to); };

// A pointer to an object of the heap, or null. As cheap as a raw one; holds the object where the collector looks: in an object
// whose trace() names it, on a stack, in static data.
template <class T>
class ptr {
 public:
  ptr() = default;
  ptr(std::nullptr_t) {}
  explicit ptr(T* object) : object_(object) {}
  template <class U>
    requires std::is_convertible_v<U*, T*>
  ptr(const ptr<U>& other) : object_(other.get()) {}

  T* get() const { return object_; }
  T& operator*() const { return *object_; }
  T* operator->() const { return object_; }
  explicit operator bool() const { return object_ != nullptr; }
  template <class U>
  bool operator==(const ptr<U>& other) const {
    return object_ == other.get();
  }
  bool operator==(std::nullptr_t) const { return object_ == nullptr; }

 private:
  T* object_ = nullptr;
};

namespace detail {

// In front of a traced object: what its first word leads to. Aligned so that the object is.
template <class T>
inline constexpr std::size_t front =
    traced<T> ? (alignof(T) > sizeof(void*) ? alignof(T) : sizeof(void*)) : 0;

template <class T>
inline const loam_gc_type type_of{
    [](void* object, void* marker) {
      tracer to(marker);
      reinterpret_cast<const T*>(static_cast<const std::byte*>(object) + front<T>)->trace(to);
    },
    std::is_trivially_destructible_v<T> ? 0 : 1};

template <class T>
void destroy(void* object, void*) {
  std::destroy_at(reinterpret_cast<T*>(static_cast<std::byte*>(object) + front<T>));
}

inline void* allocate(int kind, std::size_t bytes) {
  void* object = loam_gc_allocate(kind, bytes);
  if (object == nullptr) throw std::bad_alloc();
  return object;
}

// Holds an object by an object that is never collected.
class slot {
 public:
  slot() = default;
  explicit slot(void* object) {
    if (object == nullptr) return;
    word_ = static_cast<void**>(allocate(LOAM_GC_KEPT, sizeof(void*)));
    *word_ = object;
  }
  slot(slot&& other) noexcept : word_(std::exchange(other.word_, nullptr)) {}
  slot& operator=(slot&& other) noexcept {
    std::swap(word_, other.word_);
    return *this;
  }
  ~slot() {
    if (word_ != nullptr) loam_gc_free(word_);
  }
  void* get() const { return word_ != nullptr ? *word_ : nullptr; }

 private:
  void** word_ = nullptr;
};

}  // namespace detail

// A pointer that holds its object wherever it lies itself: in memory from malloc, in containers of the standard library. Copying and
// dropping one costs about 50 ns.
template <class T>
class root {
 public:
  root() = default;
  root(const ptr<T>& object) : slot_(const_cast<std::remove_const_t<T>*>(object.get())) {}
  root(const root& other) : root(other.get()) {}
  root(root&&) noexcept = default;
  root& operator=(const root& other) {
    slot_ = detail::slot(const_cast<std::remove_const_t<T>*>(other.get().get()));
    return *this;
  }
  root& operator=(root&&) noexcept = default;

  ptr<T> get() const { return ptr<T>(static_cast<T*>(slot_.get())); }
  operator ptr<T>() const { return get(); }
  T& operator*() const { return *get(); }
  T* operator->() const { return get().get(); }
  explicit operator bool() const { return slot_.get() != nullptr; }

 private:
  detail::slot slot_;
};

// A new object. Throws std::bad_alloc if there is no memory after a collection, and whatever the constructor throws.
// Requires: alignof(T) is at most 16.
// If T's destructor does anything, it runs some time after nothing leads to the object any more, on a thread that collects. Order
// of destructors: none. What the object leads to is still there, though it may have been destroyed already.
template <class T, class... Arguments>
ptr<T> make(Arguments&&... arguments) {
  static_assert(alignof(T) <= 16, "objects of the heap are aligned to 16");
  constexpr std::size_t kFront = detail::front<T>;
  auto* start = static_cast<std::byte*>(
      detail::allocate(traced<T> ? LOAM_GC_TYPED : LOAM_GC_ATOMIC, kFront + sizeof(T)));
  // Where stacks are not searched, a collection during the constructor must find it.
  const detail::slot held(loam_gc_conservative() != 0 ? nullptr : start);
  T* object = ::new (static_cast<void*>(start + kFront)) T(std::forward<Arguments>(arguments)...);
  // From here on trace() is called: it sees a whole object.
  if constexpr (traced<T>) *reinterpret_cast<const loam_gc_type**>(start) = &detail::type_of<T>;
  if constexpr (!std::is_trivially_destructible_v<T>) {
    if (loam_gc_finalize(start, detail::destroy<T>, nullptr, 0) == 0) throw std::bad_alloc();
  }
  return ptr<T>(object);
}

// Bytes without pointers, uninitialised, collected like any object.
inline void* make_bytes(std::size_t bytes) { return detail::allocate(LOAM_GC_ATOMIC, bytes); }

// Memory that is never collected and whose every word counts as a pointer. Zeroed. Freed by free_unmanaged alone.
inline void* allocate_unmanaged(std::size_t bytes) { return detail::allocate(LOAM_GC_KEPT, bytes); }
inline void free_unmanaged(void* memory) { loam_gc_free(memory); }

// Calls function(object) once, some time after nothing leads to the object any more. Takes the place of its destructor, which
// is then not called. Order: after those of all objects that lead to it; so never for one that leads to itself.
// Throws std::bad_alloc.
template <class T>
void finalize(const ptr<T>& object, void (*function)(T&)) {
  const auto call = [](void* start, void* data) {
    reinterpret_cast<void (*)(T&)>(data)(
        *reinterpret_cast<T*>(static_cast<std::byte*>(start) + detail::front<T>));
  };
  auto* start = reinterpret_cast<std::byte*>(object.get()) - detail::front<T>;
  if (loam_gc_finalize(start, call, reinterpret_cast<void*>(function), 1) == 0) throw std::bad_alloc();
}

// Leads to an object without holding it: null once a collection has found that nothing else does, before its destructor or finalizer runs.
template <class T>
class weak {
 public:
  weak() = default;
  explicit weak(const ptr<T>& object) { set(object); }
  weak(const weak& other) { set(other.lock()); }
  weak& operator=(const weak& other) {
    if (this != &other) {
      const ptr<T> object = other.lock();
      reset();
      set(object);
    }
    return *this;
  }
  weak(weak&& other) noexcept : link_(std::exchange(other.link_, nullptr)) {}
  weak& operator=(weak&& other) noexcept {
    std::swap(link_, other.link_);
    return *this;
  }
  ~weak() { reset(); }

  ptr<T> lock() const {
    return link_ != nullptr ? ptr<T>(static_cast<T*>(*static_cast<void* volatile*>(link_))) : nullptr;
  }
  void reset() {
    if (link_ == nullptr) return;
    loam_gc_unlink(link_);
    loam_gc_free(link_);
    link_ = nullptr;
  }

 private:
  void set(const ptr<T>& object) {
    if (!object) return;
    link_ = static_cast<void**>(detail::allocate(LOAM_GC_KEPT_ATOMIC, sizeof(void*)));
    *link_ = const_cast<std::remove_const_t<T>*>(object.get());
    if (loam_gc_link(link_, object.get()) == 0) throw std::bad_alloc();
  }

  void** link_ = nullptr;
};

// Values that live as long as their keys: a value is held only while its key is reached by another way than through values of such
// maps. An entry goes with its key. A lookup costs about 60 ns.
template <class Key, class Value>
class ephemeron_map {
 public:
  ephemeron_map() : map_(loam_gc_ephemerons_new()) {
    if (map_ == nullptr) throw std::bad_alloc();
  }
  ~ephemeron_map() { loam_gc_ephemerons_delete(map_); }
  ephemeron_map(const ephemeron_map&) = delete;
  ephemeron_map& operator=(const ephemeron_map&) = delete;

  void set(const ptr<Key>& key, const ptr<Value>& value) {
    if (loam_gc_ephemerons_set(map_, key.get(), value.get()) == 0) throw std::bad_alloc();
  }
  // Null if there is none.
  ptr<Value> get(const ptr<Key>& key) const {
    return ptr<Value>(static_cast<Value*>(loam_gc_ephemerons_get(map_, key.get())));
  }
  void erase(const ptr<Key>& key) { loam_gc_ephemerons_erase(map_, key.get()); }
  std::size_t size() const { return loam_gc_ephemerons_size(map_); }

 private:
  void* map_;
};

struct statistics {
  std::uint64_t collections;
  std::uint64_t heap_bytes;
  std::uint64_t live_bytes;    // at the end of the last collection
  std::uint64_t live_objects;  // the same
  std::uint64_t allocated_bytes;
  std::uint64_t reclaimed_bytes;
  std::uint64_t total_pause_ns;
  std::uint64_t longest_pause_ns;
  std::array<std::uint64_t, 24>
      pauses;  // entry i: of 2^i to 2^(i+1) microseconds; entry 0 also all shorter ones
};

// The heap of the process.
struct heap {
  static void collect() { loam_gc_collect(); }
  // Off: only collect() collects, and make() throws rather than collect.
  static void set_automatic(bool on) { loam_gc_set_automatic(on ? 1 : 0); }
  // The most bytes the heap may have; 0: no limit.
  static void set_limit(std::uint64_t bytes) { loam_gc_set_limit(bytes); }
  // Off: stacks, registers and static data are not searched. Then every object must be led to by a gc::root whenever any thread
  // calls make() or collect(): also what make() has just returned.
  static void set_conservative(bool on) { loam_gc_set_conservative(on ? 1 : 0); }
  static statistics figures() {
    loam_gc_statistics from;
    loam_gc_figures(&from);
    statistics to{from.collections,    from.heap_bytes,       from.live_bytes,
                  from.live_objects,   from.allocated_bytes,  from.reclaimed_bytes,
                  from.total_pause_ns, from.longest_pause_ns, {}};
    for (std::size_t i = 0; i < to.pauses.size(); ++i) to.pauses[i] = from.pauses[i];
    return to;
  }
};

}  // namespace loam::gc

#endif

#include <gtest/gtest.h>
#include <loam/rc.hpp>

#include <algorithm>
#include <array>
#include <memory_resource>
#include <random>
#include <stdexcept>
#include <string>
#include <unordered_set>
#include <vector>

namespace loam {
namespace {

static_assert(sizeof(rc<int>) == 8 && sizeof(weak_rc<int>) == 8 && sizeof(local_rc<int>) == 8);

struct counted {
  static inline int alive = 0;
  int value = 0;
  counted() { ++alive; }
  explicit counted(int number) : value(number) { ++alive; }
  counted(const counted&) = delete;
  counted& operator=(const counted&) = delete;
  ~counted() { --alive; }
};

template <class Pointer>
class Rc : public testing::Test {
 protected:
  static constexpr bool is_local = std::is_same_v<Pointer, local_rc<counted>>;
  static Pointer make(int value) {
    if constexpr (is_local)
      return make_local_rc<counted>(value);
    else
      return make_rc<counted>(value);
  }
  void SetUp() override { counted::alive = 0; }
  void TearDown() override { EXPECT_EQ(counted::alive, 0); }
};
using Pointers = testing::Types<rc<counted>, local_rc<counted>>;
TYPED_TEST_SUITE(Rc, Pointers);

TYPED_TEST(Rc, LastReferenceDestroys) {
  TypeParam first = this->make(1);
  TypeParam second = first;
  EXPECT_EQ(first.use_count(), 2u);
  first.reset();
  EXPECT_EQ(counted::alive, 1);
  EXPECT_EQ(second->value, 1);
  second = nullptr;
  EXPECT_EQ(counted::alive, 0);
}

TYPED_TEST(Rc, AssignmentAndMove) {
  TypeParam a = this->make(1);
  TypeParam b = this->make(2);
  TypeParam& same = a;
  a = same;
  EXPECT_EQ(a->value, 1);
  a = std::move(b);
  EXPECT_EQ(b, nullptr);
  EXPECT_EQ(a->value, 2);
  EXPECT_EQ(counted::alive, 1);
  a.swap(b);
  EXPECT_EQ(a.use_count(), 0u);
  EXPECT_EQ(b.use_count(), 1u);
}

TYPED_TEST(Rc, FromAnObjectThatIsCounted) {
  TypeParam a = this->make(1);
  TypeParam b = TypeParam::from(*a);
  EXPECT_EQ(a, b);
  EXPECT_EQ(a.use_count(), 2u);
  counted* bare = a.release();
  b.reset();
  EXPECT_EQ(counted::alive, 1);
  TypeParam::adopt(bare);
}

TYPED_TEST(Rc, WeakReferences) {
  typename TypeParam::weak_type weak;
  EXPECT_EQ(weak.lock(), nullptr);
  {
    TypeParam strong = this->make(7);
    weak = strong;
    EXPECT_FALSE(weak.expired());
    EXPECT_EQ(weak.lock()->value, 7);
    EXPECT_EQ(strong.use_count(), 1u);
  }
  EXPECT_EQ(counted::alive, 0);
  EXPECT_TRUE(weak.expired());
  EXPECT_EQ(weak.lock(), nullptr);
  const auto copy = weak;
  EXPECT_EQ(copy.lock(), nullptr);
}

// Random references and weak references against a model that only counts.
template <class Pointer>
struct modelled {
  static constexpr std::size_t places = 40;
  std::array<Pointer, places> strong;
  std::array<typename Pointer::weak_type, places> weak;
  std::array<std::size_t, places> ids{};  // of the object that is meant to be there; 0 none
  std::array<std::size_t, places> weak_ids{};
  std::vector<std::size_t> counts{0};  // by id

  void expect(std::size_t at, std::size_t id) {
    if (id != 0) ++counts[id];
    if (ids[at] != 0) --counts[ids[at]];
    ids[at] = id;
  }
  void copy(std::size_t to, std::size_t from) {
    strong[to] = strong[from];
    expect(to, ids[from]);
  }
  void move(std::size_t to, std::size_t from) {
    if (to == from) return;
    strong[to] = std::move(strong[from]);
    expect(to, ids[from]);
    expect(from, 0);
  }
  void watch(std::size_t to, std::size_t from) {
    weak[to] = strong[from];
    weak_ids[to] = ids[from];
  }
  void verify(std::size_t at) const {
    ASSERT_EQ(strong[at].use_count(), counts[ids[at]]);
    const bool lives = counts[weak_ids[at]] > 0;
    const Pointer locked = weak[at].lock();
    ASSERT_EQ(locked != nullptr, lives);
    if (lives) {
      ASSERT_EQ(locked->value, static_cast<int>(weak_ids[at]));
    }
  }
};
TYPED_TEST(Rc, AgainstAModel) {
  std::mt19937 random(20'261);
  modelled<TypeParam> model;
  for (int step = 0; step < 40'000; ++step) {
    const std::size_t to = random() % model.places, from = random() % model.places;
    switch (random() % 5) {
      case 0:
        model.strong[to] = this->make(static_cast<int>(model.counts.size()));
        model.counts.push_back(0);
        model.expect(to, model.counts.size() - 1);
        break;
      case 1:
        model.copy(to, from);
        break;
      case 2:
        model.strong[to].reset();
        model.expect(to, 0);
        break;
      case 3:
        model.watch(to, from);
        break;
      default:
        model.move(to, from);
    }
    ASSERT_NO_FATAL_FAILURE(model.verify(to));
    ASSERT_NO_FATAL_FAILURE(model.verify(from));
  }
  EXPECT_EQ(counted::alive,
            std::count_if(model.counts.begin(), model.counts.end(), [](auto n) { return n > 0; }));
}

TEST(RcKinds, Arrays) {
  counted::alive = 0;
  {
    const rc<counted[]> objects = make_rc<counted[]>(5);
    EXPECT_EQ(objects.size(), 5u);
    EXPECT_EQ(counted::alive, 5);
    const rc<counted[]> copy = objects;
    EXPECT_EQ(&copy[3], objects.get() + 3);
    int sum = 0;
    for (const counted& each : objects) sum += each.value;
    EXPECT_EQ(sum, 0);
    EXPECT_EQ(make_rc<int[]>(0).size(), 0u);
  }
  EXPECT_EQ(counted::alive, 0);
  EXPECT_THROW((void)make_rc<int[]>(SIZE_MAX / 2), std::bad_array_new_length);
}

struct throwing {
  explicit throwing(int) { throw std::runtime_error("no"); }
};
TEST(RcKinds, ConstructorThatThrows) {
  EXPECT_THROW((void)make_rc<throwing>(1), std::runtime_error);
  std::pmr::monotonic_buffer_resource memory(1024);
  EXPECT_THROW((void)allocate_rc<throwing>(&memory, 1), std::runtime_error);
}

TEST(RcKinds, Disposal) {
  std::vector<int> disposed;
  rc<counted> object =
      make_rc_with_disposal<counted>([&](counted& each) noexcept { disposed.push_back(each.value); }, 9);
  const weak_rc<counted> weak = object;
  object.reset();
  EXPECT_EQ(disposed, std::vector<int>{9});
  EXPECT_EQ(counted::alive, 0);
}

class counting_resource : public std::pmr::memory_resource {
 public:
  std::size_t bytes = 0;

 private:
  void* do_allocate(std::size_t size, std::size_t alignment) override {
    bytes += size;
    return std::pmr::new_delete_resource()->allocate(size, alignment);
  }
  void do_deallocate(void* block, std::size_t size, std::size_t alignment) override {
    bytes -= size;
    std::pmr::new_delete_resource()->deallocate(block, size, alignment);
  }
  bool do_is_equal(const memory_resource& other) const noexcept override { return this == &other; }
};
TEST(RcKinds, MemoryOfAResource) {
  counting_resource memory;
  weak_rc<std::string> weak;
  {
    const rc<std::string> text = allocate_rc<std::string>(&memory, "a text too long for the string itself");
    weak = text;
  }
  EXPECT_GT(memory.bytes, 0u);  // the weak reference keeps it
  weak.reset();
  EXPECT_EQ(memory.bytes, 0u);
}

struct alignas(64) wide {
  std::array<char, 64> bytes{};
};
TEST(RcKinds, Alignment) {
  std::vector<rc<wide>> objects;
  for (int i = 0; i < 20; ++i) objects.push_back(make_rc<wide>());
  for (const auto& each : objects) EXPECT_EQ(reinterpret_cast<std::uintptr_t>(each.get()) % 64, 0u);
  EXPECT_EQ(reinterpret_cast<std::uintptr_t>(make_rc<wide[]>(3).get()) % 64, 0u);
}

struct shape {
  virtual ~shape() = default;
  virtual int sides() const { return 0; }
};
struct named {
  virtual ~named() = default;
  int length = 4;
};
struct square : shape, named {
  counted inside;
  int sides() const override { return 4; }
};
TEST(RcKinds, BasesAndAliases) {
  rc<square> object = make_rc<square>();
  rc<shape> base = object;
  EXPECT_EQ(base->sides(), 4);
  alias_rc<named> second(object);
  alias_rc<int> part(object, &object->length);
  alias_rc<int> copy = part;
  EXPECT_EQ(object.use_count(), 5u);
  base.reset();
  object.reset();
  second = {};
  part = std::move(copy);
  EXPECT_EQ(*part, 4);
  EXPECT_EQ(counted::alive, 1);
  part = {};
  EXPECT_EQ(counted::alive, 0);
  EXPECT_DEATH((rc<named>(make_rc<square>())), "base that does not start");
}

TEST(RcKinds, AdoptedFromUniquePtr) {
  int closed = 0;
  const auto close = [&](counted* object) {
    ++closed;
    delete object;
  };
  {
    const alias_rc<counted> shared =
        adopt_rc(std::unique_ptr<counted, decltype(close)>(new counted(3), close));
    const alias_rc<counted> copy = shared;
    EXPECT_EQ(copy->value, 3);
  }
  EXPECT_EQ(closed, 1);
}

TEST(RcKinds, HashAndOrder) {
  std::unordered_set<rc<int>> set;
  const rc<int> a = make_rc<int>(1), b = make_rc<int>(1);
  set.insert(a);
  EXPECT_TRUE(set.contains(a));
  EXPECT_FALSE(set.contains(b));
  EXPECT_EQ(a < b, a.get() < b.get());
}

struct link {
  static inline int deepest = 0;
  static inline int depth = 0;
  rc<link> next;
  local_rc<link> other;
  ~link() {
    deepest = std::max(deepest, ++depth);
    next.reset();
    other.reset();
    --depth;
  }
};
TEST(RcKinds, LongChainsTakeNoStack) {
  link::deepest = 0;
  rc<link> chain;
  for (int i = 0; i < 200'000; ++i) {
    rc<link> front = make_rc<link>();
    front->next = std::move(chain);
    chain = std::move(front);
  }
  chain.reset();
  local_rc<link> local;
  for (int i = 0; i < 200'000; ++i) {
    local_rc<link> front = make_local_rc<link>();
    front->other = std::move(local);
    local = std::move(front);
  }
  local.reset();
  EXPECT_GT(link::deepest, 1);
  EXPECT_LE(link::deepest, static_cast<int>(detail::rc_deepest));
}

TEST(RcKinds, WithoutAnOwner) {
  rc<counted> object = make_rc<counted>(1);
  rc<counted> second = object;
  object.unbias();
  EXPECT_EQ(object.use_count(), 2u);
  EXPECT_FALSE(object.rebias());  // not the only reference
  second.reset();
  weak_rc<counted> weak = object;
  EXPECT_TRUE(object.rebias());
  EXPECT_FALSE(object.rebias());
  second = weak.lock();
  EXPECT_EQ(second.use_count(), 2u);
  object.reset();
  second.reset();
  EXPECT_EQ(counted::alive, 0);
  EXPECT_TRUE(weak.expired());
}

}  // namespace
}  // namespace loam

// Heavy headers and templates: what keeps a compiler's heap busy.
#include <algorithm>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <unordered_map>
#include <variant>
#include <vector>

template <int N>
struct Table {
  std::map<std::string, std::vector<std::variant<int, double, std::string>>> rows;
  std::unordered_map<int, std::function<int(const std::string&)>> handlers;
  int look_up(const std::string& key) const {
    const auto row = rows.find(key);
    return row == rows.end() ? N : static_cast<int>(row->second.size());
  }
};

template <int N>
int use() {
  Table<N> table;
  table.rows["key"].emplace_back(std::string("value"));
  table.handlers.emplace(N, [](const std::string& text) { return static_cast<int>(text.size()) + N; });
  std::vector<int> numbers{3, 1, N};
  std::sort(numbers.begin(), numbers.end(), [](int a, int b) { return a + N % 2 < b; });
  return table.look_up("key") + numbers[0];
}

int all() { return use<1>() + use<2>() + use<3>() + use<4>() + use<5>() + use<6>() + use<7>() + use<8>(); }

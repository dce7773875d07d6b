// Something heavy for the compiler: many headers, many template instances.
#include <algorithm>
#include <functional>
#include <iostream>
#include <map>
#include <memory>
#include <random>
#include <set>
#include <sstream>
#include <string>
#include <tuple>
#include <unordered_map>
#include <variant>
#include <vector>

template <int N>
struct Chain {
  std::map<std::string, std::vector<std::tuple<int, double, std::unique_ptr<Chain<N - 1>>>>> links;
  int count() const {
    int sum = N;
    for (const auto& [name, list] : links) {
      for (const auto& item : list)
        sum += std::get<0>(item) + (std::get<2>(item) ? std::get<2>(item)->count() : 0);
    }
    return sum;
  }
};
template <>
struct Chain<0> {
  int count() const { return 0; }
};

int main(int argc, char**) {
  std::variant<int, std::string, std::vector<double>> value = std::string("x");
  std::unordered_map<std::string, std::function<int(int)>> table{{"a", [](int x) { return x + 1; }}};
  std::string text = "key=42";
  Chain<5> chain;
  std::ostringstream out;
  out << chain.count() << table["a"](argc) << value.index() << text;
  std::cout << out.str() << '\n';
}

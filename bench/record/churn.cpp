// record-churn [ROUNDS [THREADS]]: a map of 100,000 keys in which random ones are replaced, each by a node and a string of its own; each
// thread does all of it with a map of its own. What recording costs is measured with it. Says on standard error how much processor time and
// time it has taken.
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <map>
#include <random>
#include <string>
#include <thread>
#include <vector>

namespace {

std::size_t churn(long rounds) {
  constexpr std::uint32_t kKeys = 100'000;
  std::mt19937 engine(1);
  const auto any = [&engine] { return static_cast<std::uint32_t>(engine() % kKeys); };
  std::map<std::uint32_t, std::string> map;
  for (std::uint32_t key = 0; key < kKeys; ++key) map.emplace(key, std::string(24 + key % 40, 'x'));
  for (long i = 0; i < rounds; ++i) {
    map.erase(any());
    const std::uint32_t key = any();
    map.emplace(key, std::string(24 + key % 40, 'y'));
  }
  return map.size();
}

}  // namespace

int main(int count, char** words) {
  const long rounds = count > 1 ? std::atol(words[1]) : 950'000;
  const long threads = count > 2 ? std::atol(words[2]) : 1;
  const auto begin = std::chrono::steady_clock::now();
  std::vector<std::thread> others;
  for (long i = 1; i < threads; ++i) others.emplace_back([rounds] { churn(rounds); });
  const std::size_t left = churn(rounds);
  for (std::thread& other : others) other.join();
  const std::chrono::duration<double> wall = std::chrono::steady_clock::now() - begin;
  std::fprintf(stderr, "cpu %.4f wall %.4f left %zu\n", static_cast<double>(std::clock()) / CLOCKS_PER_SEC,
               wall.count(), left);
  return 0;
}

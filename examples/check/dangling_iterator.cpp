// A reference into a vector that has grown since.
// g++ -g dangling_iterator.cpp -o dangling_iterator
#include <cstdio>
#include <vector>

int main() {
  std::vector<int> numbers = {1, 2, 3};
  const int& first = numbers.front();
  for (int i = 0; i < 100; ++i) numbers.push_back(i);
  std::printf("first is %d\n", first);
  return 0;
}

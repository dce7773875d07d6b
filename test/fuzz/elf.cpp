// The reader of ELF files: any bytes at all end in facts or in nothing, never in a fault or an endless loop.

#include <sys/mman.h>
#include <unistd.h>

#include <fstream>
#include <iterator>

#include "target.hpp"
#include "tool/model/elf.hpp"

std::vector<std::string> fuzz_seeds() {
  std::vector<std::string> seeds = {"\177ELF"};
  for (const char* path : {"/bin/true", "/proc/self/exe"}) {
    std::ifstream file(path, std::ios::binary);
    std::string image(std::istreambuf_iterator<char>(file), {});
    LOAM_FUZZ_CHECK(!image.empty());
    image.resize(std::min<std::size_t>(image.size(), 40000));
    seeds.push_back(image);
    image.resize(1000);  // headers only: where most mutations matter
    seeds.push_back(image);
  }
  return seeds;
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const int file = memfd_create("loam-fuzz", MFD_CLOEXEC);
  LOAM_FUZZ_CHECK(file >= 0);
  LOAM_FUZZ_CHECK(write(file, data, size) == static_cast<ssize_t>(size));
  const auto facts = loam::tool::read_elf("/proc/self/fd/" + std::to_string(file));
  close(file);
  if (facts) {
    LOAM_FUZZ_CHECK(!loam::tool::architecture(*facts).empty());
    LOAM_FUZZ_CHECK(facts->interpreter.size() < size);
    LOAM_FUZZ_CHECK(facts->exported_malloc.size() <= 4);
  }
  return 0;
}

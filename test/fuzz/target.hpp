// What a fuzz target offers: LLVMFuzzerTestOneInput, which aborts when a property does not hold, and inputs to start
// from. driver.cpp runs it with any compiler; with Clang and -DLOAM_LIBFUZZER=ON libFuzzer does.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

std::vector<std::string> fuzz_seeds();

#define LOAM_FUZZ_CHECK(condition)                                                       \
  do {                                                                                   \
    if (!(condition)) {                                                                  \
      std::fprintf(stderr, "%s:%d: %s does not hold\n", __FILE__, __LINE__, #condition); \
      std::abort();                                                                      \
    }                                                                                    \
  } while (false)

// Looks up what comes after each function before the program runs.
#include "interpose/refused.hpp"

extern "C" {
extern loam::interpose::Next __start_loam_next[] __attribute__((visibility("hidden")));
extern loam::interpose::Next __stop_loam_next[] __attribute__((visibility("hidden")));
}

namespace {

__attribute__((constructor)) void start() {
  for (loam::interpose::Next* at = __start_loam_next; at < __stop_loam_next; ++at) at->find();
}

}  // namespace

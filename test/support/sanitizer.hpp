// What a sanitizer makes impossible to test.
#pragma once

namespace loam::test {

// TSan lets a handler run at the next call that it knows, not where the signal came.
#ifdef __SANITIZE_THREAD__
constexpr bool kSignalsWait = true;
#else
constexpr bool kSignalsWait = false;
#endif

}  // namespace loam::test

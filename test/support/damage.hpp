// What tests do to a byte that loam watches. A constant would be what stands there already, once in 256 runs.
#pragma once

namespace loam::test {

template <class Byte>
void damage(Byte& byte) {
  byte = static_cast<Byte>(byte ^ 1);
}

}  // namespace loam::test

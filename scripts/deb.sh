#!/bin/sh
# Builds the Debian package of the release build and puts it into $BUILD/. A build tree of its own, since the library
# folder below /usr (lib/x86_64-linux-gnu) differs from the one below /usr/local.
set -eu
cd "$(dirname "$0")/.."
BUILD=${BUILD:-build}
JOBS=${JOBS:-$(nproc)}
cmake -S . -B build-deb -G Ninja --log-level=WARNING -DCMAKE_BUILD_TYPE=Release -DCMAKE_INSTALL_PREFIX=/usr \
  -DLOAM_TESTS=OFF >/dev/null
cmake --build build-deb -j "$JOBS"
mkdir -p "$BUILD"
(cd build-deb && cpack -G DEB --config CPackConfig.cmake >/dev/null)
for package in build-deb/*.deb; do
  cp "$package" "$BUILD/"
  echo "$BUILD/$(basename "$package")"
done

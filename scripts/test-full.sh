#!/bin/bash
# Everything: all tests of the release build with the storms and matrices, the clang build, the heap under ASan, UBSan
# and TSan, lint. Each step runs even if one before it failed. The log is $BUILD/test-full.log; its last lines say
# which steps passed. Exit status 0 when all did, 1 otherwise.
set -u
cd "$(dirname "$0")/.." || exit 2
BUILD=${BUILD:-build}
JOBS=${JOBS:-$(nproc)}
mkdir -p "$BUILD"
log=$BUILD/test-full.log
: >"$log"
summary=()
failed=0

step() {  # step NAME COMMAND...
  local name=$1 start=$SECONDS status
  shift
  printf '\n=== %s: %s\n' "$name" "$*" | tee -a "$log"
  "$@" </dev/null 2>&1 | tee -a "$log"
  status=${PIPESTATUS[0]}
  if [ "$status" = 0 ]; then
    summary+=("passed  $((SECONDS - start)) s  $name")
  else
    summary+=("FAILED  $((SECONDS - start)) s  $name (exit status $status)")
    failed=1
  fi
}

# shellcheck disable=SC2317 # called through step
with_preset() {  # with_preset PRESET CTEST-OPTION...: build it and run its tests
  local preset=$1
  shift
  cmake --preset "$preset" --log-level=WARNING && cmake --build --preset "$preset" -j "$JOBS" --target all extras &&
    ctest --preset "$preset" "$@" --no-tests=error -j "$JOBS" --timeout 900
}

{
  date -u '+%Y-%m-%d %H:%M:%S UTC'
  git rev-parse HEAD 2>/dev/null
  uname -srm
  nproc
} | tee -a "$log"

step 'release build' make -s build BUILD="$BUILD"
step 'programs of full tests' cmake --build "$BUILD" -j "$JOBS" --target extras
step 'fast tests and house rules' ctest --test-dir "$BUILD" -L '^(fast|meta)$' --no-tests=error -j "$JOBS" \
  --output-on-failure --timeout 300
# One at a time: storms and memory bounds are about a machine that is not busy with another test.
step 'storms, matrices, limits' ctest --test-dir "$BUILD" -L '^full$' --no-tests=error -j 1 --output-on-failure \
  --timeout 3600
step 'clang' with_preset clang -LE full
# The long ones too: some of what a sanitizer sees takes threads that meet once in a million steps.
step 'address sanitizer' with_preset asan
step 'undefined behaviour sanitizer' with_preset ubsan
step 'thread sanitizer' with_preset tsan
step 'lint' scripts/lint.sh

{
  printf '\n=== summary\n'
  printf '%s\n' "${summary[@]}"
  [ "$failed" = 0 ] && echo 'all passed' || echo 'SOME FAILED'
} | tee -a "$log"
exit "$failed"

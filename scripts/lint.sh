#!/bin/bash
# clang-format, clang-tidy, cppcheck, shellcheck and a build by each compiler with warnings as errors: no findings, or
# exit status 1. `scripts/lint.sh format tidy ...` runs only the steps named.
set -u
cd "$(dirname "$0")/.." || exit 2
JOBS=${JOBS:-$(nproc)}
dir=build-lint
steps=("${@:-format gcc clang tidy cppcheck shell}")
# shellcheck disable=SC2206 # a list of words
steps=(${steps[@]})
failed=()

# Without precompiled headers, which hide that a file does not include what it uses.
build() {  # build C-COMPILER C++-COMPILER
  cmake -S . -B "$dir/$1" -G Ninja --log-level=WARNING -DCMAKE_C_COMPILER="$1" -DCMAKE_CXX_COMPILER="$2" \
    -DLOAM_WERROR=ON -DCMAKE_DISABLE_PRECOMPILE_HEADERS=ON >/dev/null &&
    cmake --build "$dir/$1" -j "$JOBS" --target all extras -- -k 0 --quiet
}

lint_format() { scripts/sources.sh | xargs clang-format-19 --dry-run --Werror; }
lint_gcc() { build gcc g++; }
lint_clang() { build clang-19 clang++-19; }

lint_tidy() {
  [ -f "$dir/clang-19/compile_commands.json" ] || build clang-19 clang++-19 || return 1
  python3 scripts/compiled_sources.py "$dir/clang-19/compile_commands.json" |
    xargs -P "$JOBS" -n 4 clang-tidy-19 --quiet -p "$dir/clang-19" --warnings-as-errors='*' 2>/dev/null
}

lint_cppcheck() {
  cppcheck --quiet --std=c++20 --language=c++ --enable=warning,performance,portability --inline-suppr \
    --suppressions-list=scripts/cppcheck-suppressions.txt --error-exitcode=1 -j "$JOBS" -Isrc -Iinclude src
}

lint_shell() { shellcheck -s sh .ci/run && shellcheck scripts/*.sh; }

for step in "${steps[@]}"; do
  start=$SECONDS
  if "lint_$step"; then
    echo "lint: $step: no findings ($((SECONDS - start)) s)"
  else
    echo "lint: $step: FINDINGS ($((SECONDS - start)) s)"
    failed+=("$step")
  fi
done
if [ ${#failed[@]} != 0 ]; then
  echo "lint: findings in: ${failed[*]}" >&2
  exit 1
fi

#!/bin/sh
# Installs the Debian packages that are missing from the lists named: scripts/packages-LIST.txt, the benchmarks' own
# list for "bench", the tests' and the house rules' for "test".
# PACKAGE/COMMAND in a list: installed only where there is no such command.
# Usage: scripts/setup.sh LIST...      Says nothing and needs neither root nor a network when all are there.
set -eu
cd "$(dirname "$0")"

wanted=
for list in "$@"; do
  case $list in
    test) files="packages-test.txt packages-meta.txt" ;;
    bench) files="../bench/packages.txt" ;;
    *) files="packages-$list.txt" ;;
  esac
  for file in $files; do
    if [ ! -f "$file" ]; then
      echo "setup: there is no list of packages $list (scripts/$file)" >&2
      exit 2
    fi
    wanted="$wanted $(sed 's/#.*//' "$file" | tr '\n' ' ')"
  done
done

if ! command -v dpkg-query >/dev/null || ! command -v apt-get >/dev/null; then
  echo "setup: not a Debian system; these packages are assumed to be there under other names:" >&2
  echo "setup: $wanted" >&2
  exit 0
fi

missing=
for package in $wanted; do
  case $package in
    */*) # Another one's program of that name serves as well, and its package may conflict with Debian's.
      if command -v "${package#*/}" >/dev/null; then continue; fi
      package=${package%/*}
      ;;
  esac
  status=$(dpkg-query -W -f '${db:Status-Status} ' "$package" 2>/dev/null || true)
  case " $status" in *" installed "*) ;; *) missing="$missing $package" ;; esac
done
[ -n "$missing" ] || exit 0

if [ "$(id -u)" != 0 ]; then
  echo "setup: missing Debian packages:$missing" >&2
  echo "setup: run as root: apt-get install --no-install-recommends$missing" >&2
  exit 2
fi

# Servers (redis, nginx, ...) are wanted as programs for the tests, not as running services.
if [ ! -e /usr/sbin/policy-rc.d ]; then
  trap 'rm -f /usr/sbin/policy-rc.d' EXIT
  trap 'exit 130' INT TERM
  printf '#!/bin/sh\nexit 101\n' >/usr/sbin/policy-rc.d
  chmod +x /usr/sbin/policy-rc.d
fi

echo "setup: installing$missing"
log=$(mktemp)
export DEBIAN_FRONTEND=noninteractive
# shellcheck disable=SC2086 # a list of words
if ! { apt-get update -q &&
       apt-get install -q -y -o DPkg::Lock::Timeout=300 --no-install-recommends $missing; } >"$log" 2>&1 </dev/null
then
  tail -n 30 "$log" >&2
  echo "setup: apt-get failed, the whole log is in $log; missing:$missing" >&2
  exit 2
fi
rm -f "$log"

#!/bin/sh
# A repository with a history, branches, a merge, packing, and every object checked; dates and names are fixed.
# repository.sh [COMMITS]: fewer of them for a run under something slow.
set -eu
export GIT_AUTHOR_NAME=a GIT_AUTHOR_EMAIL=a@example.org GIT_COMMITTER_NAME=a GIT_COMMITTER_EMAIL=a@example.org
export GIT_AUTHOR_DATE='2020-01-01T00:00:00Z' GIT_COMMITTER_DATE='2020-01-01T00:00:00Z' GIT_CONFIG_NOSYSTEM=1 HOME=$PWD
git init -q -b main repository
cd repository
git config gc.auto 0
commits=${1:-40}
for i in $(seq 1 "$commits"); do
  for f in 1 2 3 4 5; do seq "$i" "$((i * 13 * f % 900 + 200))" > "file$(((i + f) % 17)).txt"; done
  git add -A
  git commit -q -m "commit $i"
done
git checkout -q -b side HEAD~$((commits / 2))
for i in $(seq 1 $((commits / 4))); do seq "$i" 500 > "side$i.txt"; git add -A; git commit -q -m "side $i"; done
git checkout -q main
git merge -q -m merge -s ort -X ours side
git log --stat --format='%H %s' | cksum
git log --format=%H -S'777' -- file3.txt | cksum
git blame file5.txt | cksum
git diff --stat HEAD~$((commits * 3 / 8)) | tail -1
git -c pack.threads=2 gc -q --aggressive
git fsck --full --strict 2>&1
git rev-list --objects --all | cksum
git archive --format=tar HEAD | cksum
git grep -c 99 HEAD | cksum

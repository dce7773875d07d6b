#!/bin/bash
# Subshells, pipelines, background jobs, arrays and string work: a fork for almost every line.
set -u
total=0
for i in $(seq 1 150); do
  x=$(echo "$i" | tr 0-9 a-j)
  total=$((total + ${#x} + $(printf '%s' "$x" | wc -c)))
done
echo "total $total"
declare -A count
while read -r word; do count[$word]=$((${count[$word]:-0} + 1)); done < <(for i in $(seq 1 2000); do echo "w$((i * 7 % 97))"; done)
for key in $(printf '%s\n' "${!count[@]}" | sort); do printf '%s=%s ' "$key" "${count[$key]}"; done
echo
jobs=()
for i in 1 2 3 4 5 6 7 8; do
  (for j in $(seq 1 20); do : "$(echo $((i * j)))"; done; exit "$i") &
  jobs+=($!) # `jobs -p` leaves out those that have ended already
done
statuses=0
for job in "${jobs[@]}"; do wait "$job"; statuses=$((statuses + $?)); done
echo "statuses $statuses"
text=
for i in $(seq 1 3000); do text+="line $i;"; done
echo "${#text} ${text//line/LINE}" | cksum
seq 1 5000 | sort -r | awk '{ s += $1 * NR } END { print s }'

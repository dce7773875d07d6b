# Variables, arrays, expansions and here-strings of a shell script, without a child process.
declare -A count
text=""
for ((i = 0; i < 26000; i++)); do
  word="w$((i * 7919 % 1000))-${i: -2}"
  count[${word%%-*}]=$((${count[${word%%-*}]:-0} + 1))
  parts=(${word//-/ } "$i" "${word^^}")
  text+="${parts[0]},${parts[2]} "
  if ((${#text} > 2000)); then text="${text:1000}"; fi
done
echo "${#count[@]} ${#text} ${text:0:40}"

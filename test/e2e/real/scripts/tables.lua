-- Tables, strings, closures, coroutines and the collector; prints digests of the results.
local state = 42
local function random(n)
  state = (state * 1103515245 + 12345) % 2147483648
  return (state >> 8) % n
end
local words, count = {}, {}
for i = 1, 60000 do
  local word = {}
  for j = 1, 2 + random(8) do word[j] = string.char(97 + random(26)) end
  words[i] = table.concat(word)
  count[words[i]] = (count[words[i]] or 0) + 1
end
local keys = {}
for word in pairs(count) do keys[#keys + 1] = word end
table.sort(keys)
print(#keys, keys[1], keys[#keys])
local text = table.concat(words, " ")
local vowels = select(2, text:gsub("[aeiou]+", ""))
print(#text, vowels, #text:upper():rep(3))
local grown = ""
for i = 1, 3000 do grown = grown .. i .. "," end
print(#grown)
local tree
local function build(depth) return depth == 0 and {} or {build(depth - 1), build(depth - 1)} end
local function size(node) return node[1] and 1 + size(node[1]) + size(node[2]) or 1 end
for round = 1, 6 do tree = build(15); io.write(size(tree), " ") end
print()
local produced = coroutine.wrap(function() for i = 1, 50000 do coroutine.yield({i, tostring(i)}) end end)
local sum = 0
for i = 1, 50000 do sum = sum + #produced()[2] end
print(sum)
collectgarbage()
print(collectgarbage("count") < 60000)

-- Closures, short strings and small tables that die at once: the collector keeps the heap small.
local sum = 0
for i = 1, 900000 do
  local point = {x = i, y = i * 2}
  local add = function(step) return point.x + point.y + step end
  local text = "p" .. (i % 5000) .. "," .. point.y
  sum = sum + add(#text)
end
local function build(depth)
  if depth == 0 then return {} end
  return {build(depth - 1), build(depth - 1)}
end
for _ = 1, 150 do
  local tree = build(10)
  sum = sum + #tree
end
print(sum)

-- Tables of tables and strings kept alive: a document store.
local state = 5
local function number(limit)
  state = (state * 1103515245 + 12345) % 2147483648
  return state % limit
end

local store, total = {}, 0
for i = 1, 160000 do
  local record = {id = i, name = "record-" .. number(50000), list = {}}
  for k = 1, number(6) do record.list[k] = {k, k * i % 17} end
  store[number(60000)] = record
  if i % 4 == 0 then
    local other = store[number(60000)]
    if other then total = total + #other.list + #other.name end
  end
end
local parts = {}
for i = 0, 59999 do
  local record = store[i]
  if record then parts[#parts + 1] = record.name .. ":" .. #record.list end
end
print(total, #table.concat(parts, ","))

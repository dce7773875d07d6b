# Strings, symbols, hashes and arrays of a small shop.
Item = Struct.new(:name, :price, :tags)

state = 3
number = lambda do |limit|
  state = (state * 1103515245 + 12345) % 2147483648
  state % limit
end

total = 0
3.times do |round|
  items = (1..25_000).map do |i|
    Item.new("item #{number.call(9000)} of #{round}", number.call(1000) / 10.0, Array.new(number.call(9)) { |k| "tag#{k * i % 50}" })
  end
  by_tag = Hash.new { |hash, key| hash[key] = [] }
  items.each { |item| item.tags.each { |tag| by_tag[tag] << item } }
  total += by_tag.sum { |tag, list| tag.size + list.map(&:name).uniq.size }
  text = items.map { |item| item.name.gsub(/\d+/) { |digits| digits.reverse } }.join("\n")
  total += text.lines.sort.first(500).sum(&:size)
end
puts total

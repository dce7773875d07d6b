<?php
// Arrays, strings and objects without PHP's own allocator (USE_ZEND_ALLOC=0).
class Item {
    public function __construct(public string $name, public float $price, public array $tags) {}
}
$state = 3;
function number(int $limit): int {
    global $state;
    $state = ($state * 1103515245 + 12345) % 2147483648;
    return $state % $limit;
}
$total = 0;
for ($round = 0; $round < 3; $round++) {
    $items = [];
    for ($i = 0; $i < 60000; $i++) {
        $tags = [];
        for ($k = number(7); $k > 0; $k--) {
            $tags[] = "tag" . ($k * $i % 50);
        }
        $items[] = new Item("item " . number(9000) . " of $round", number(1000) / 10.0, $tags);
    }
    $by_tag = [];
    foreach ($items as $item) {
        foreach ($item->tags as $tag) {
            $by_tag[$tag][] = $item->name;
        }
    }
    foreach ($by_tag as $tag => $names) {
        $total += strlen($tag) + count(array_unique($names));
    }
    $text = implode("\n", array_map(fn($item) => preg_replace('/(\d+) of/', 'no. $1 of', $item->name), $items));
    $lines = explode("\n", $text);
    sort($lines);
    $total += strlen($lines[0]) + count($lines);
}
echo $total, "\n";

"""Text cut, searched, replaced, counted and joined."""
import re


def one_round(number):
    words = ["%s%d" % (stem, k) for k in range(number, 1500) for stem in ("alpha", "be", "gamma-ray", "d")]
    lines = [" ".join(words[(i * k) % len(words)] for k in range(1, 14)) for i in range(9000)]
    text = "\n".join(lines)
    counts = {}
    for line in text.split("\n"):
        for word in line.split(" "):
            counts[word] = counts.get(word, 0) + 1
    swapped = re.sub(r"([a-z]+)(\d+)", lambda match: match.group(2) + match.group(1), text[:500000])
    upper = [line.upper().replace("ALPHA", "omega").strip() for line in lines]
    parts = re.findall(r"gamma-ray\d{3}", text)
    return len(counts) + len(swapped) + sum(map(len, upper)) + len(parts)


print(sum(one_round(number) for number in range(5)))

"""What `make demo` runs: an index of words over generated text, kept as dicts, lists and JSON.

Everything here allocates: strings, dict and list growth, one large document, short-lived garbage."""

import json
import random


def text(seed, words):
    """Deterministic prose of the given number of words over a vocabulary with a long tail."""
    chance = random.Random(seed)
    vocabulary = ["".join(chance.choice("etaoinshrdlu") for _ in range(chance.randint(2, 11))) for _ in range(8000)]
    return " ".join(vocabulary[int(len(vocabulary) * chance.random() ** 3)] for _ in range(words))


def index(document):
    """word -> the places where it occurs"""
    places = {}
    for place, word in enumerate(document.split()):
        places.setdefault(word, []).append(place)
    return places


def main():
    total = {}
    for seed in range(4):
        for word, places in index(text(seed, 120_000)).items():
            total.setdefault(word, []).extend(places)
    document = json.dumps(total)
    again = json.loads(document)
    assert again == total
    frequent = sorted(again, key=lambda word: (-len(again[word]), word))[:3]
    print(f"{len(again)} words, {len(document)} bytes of JSON, most frequent: {' '.join(frequent)}")


if __name__ == "__main__":
    main()

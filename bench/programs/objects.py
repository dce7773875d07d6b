"""Instances, dictionaries, sets and sorted lists: a simulation with many small objects."""


class Node:
    def __init__(self, key, value):
        self.key = key
        self.value = value
        self.links = []


def number_source(seed):
    state = seed
    while True:
        state = (state * 1103515245 + 12345) % (1 << 31)
        yield state


def main():
    source = number_source(7)
    nodes = {}
    for _ in range(60000):
        key = next(source) % 100000
        node = nodes.get(key)
        if node is None:
            node = nodes[key] = Node(key, "value %d" % key)
        node.links.append((next(source), str(key)))
    total = 0
    for _ in range(4):
        groups = {}
        for node in nodes.values():
            groups.setdefault(node.key % 1000, set()).add((node.value, len(node.links)))
        total += sum(len(group) for group in groups.values())
        for key in sorted(nodes)[::3]:
            nodes[key] = Node(key, nodes[key].value + "x")
    print(total, len(nodes))


main()

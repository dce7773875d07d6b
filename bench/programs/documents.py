"""JSON documents built, written, read and changed: what a web service does all day."""
import json


def document(number):
    return {
        "id": number,
        "name": "customer-%d" % number,
        "tags": ["tag%d" % (number * k % 97) for k in range(8)],
        "address": {"street": "street %d" % (number % 500), "city": "city %d" % (number % 40)},
        "orders": [{"item": "item-%d" % k, "price": k * 1.25, "count": number % (k + 1)} for k in range(6)],
    }


def main():
    total = 0
    for round_number in range(2):
        documents = [document(number) for number in range(round_number, 7000 + round_number)]
        text = json.dumps(documents)
        copy = json.loads(text)
        for entry in copy:
            entry["total"] = sum(order["price"] * order["count"] for order in entry["orders"])
        total += len(text) + len(json.dumps(copy[::7], indent=1)) + int(sum(entry["total"] for entry in copy))
    print(total)


main()

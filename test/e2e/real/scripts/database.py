"""Python's sqlite3 module: Debian's package of Python's own tests has none for it, so this goes through its interface.

Functions, aggregates, collations, converters, blobs, backup, dump, threads and errors; prints digests of the results.
"""
import hashlib
import sqlite3
import threading


class Product:
    def __init__(self):
        self.value = 1

    def step(self, number):
        self.value = self.value * (number % 97 + 1) % 1000003

    def finalize(self):
        return self.value


def fill(connection):
    connection.execute("CREATE TABLE t(id INTEGER PRIMARY KEY, name TEXT, data BLOB, at TIMESTAMP)")
    rows = ((i, f"name{i * 7919 % 20000}", hashlib.sha256(str(i).encode()).digest() * (i % 9), i * 1.5) for i in range(20000))
    connection.executemany("INSERT INTO t VALUES(?, ?, ?, ?)", rows)
    connection.commit()


def queries(connection):
    connection.create_function("turned", 1, lambda text: text[::-1], deterministic=True)
    connection.create_aggregate("product", 1, Product)
    connection.create_collation("backwards", lambda a, b: (a < b) - (a > b))
    print(connection.execute("SELECT product(id), sum(length(data)) FROM t").fetchone())
    print(connection.execute("SELECT turned(name) FROM t ORDER BY name COLLATE backwards, id LIMIT 5").fetchall())
    connection.row_factory = sqlite3.Row
    row = connection.execute("SELECT * FROM t WHERE id = 77").fetchone()
    print(row.keys(), row["name"], len(row["data"]))
    connection.row_factory = None
    digest = hashlib.sha256()
    for row in connection.execute("SELECT name, data FROM t ORDER BY id"):
        digest.update(repr(row).encode())
    print(digest.hexdigest())


def errors(connection):
    for statement in ("SELECT nothing FROM t", "INSERT INTO t(id) VALUES(1)", "SELECT * FROM", "SELECT turned(1)"):
        try:
            connection.execute(statement).fetchall()
        except sqlite3.Error as error:
            print(type(error).__name__, error)


def in_threads(results):
    def work(number):
        connection = sqlite3.connect(":memory:")
        fill(connection)
        connection.execute("DELETE FROM t WHERE id % ? = 0", (number + 2,))
        results[number] = connection.execute("SELECT count(*), sum(length(name)) FROM t").fetchone()
        connection.close()

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def main():
    connection = sqlite3.connect(":memory:")
    fill(connection)
    queries(connection)
    errors(connection)
    connection.rollback()
    with connection.blobopen("t", "data", 8) as blob:
        print(len(blob), blob.read(8).hex())
    copy = sqlite3.connect(":memory:")
    connection.backup(copy)
    print(hashlib.sha256("\n".join(copy.iterdump()).encode()).hexdigest())
    print(len(connection.serialize()))
    results = {}
    in_threads(results)
    print(sorted(results.items()))


main()

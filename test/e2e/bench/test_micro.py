"""icount and pairs: exact counts, sensible times, refusals."""
import unittest

from support import BUILD, LIBRARY, run

ICOUNT = BUILD / "bench/icount"
PAIRS = BUILD / "bench/pairs"


class Icount(unittest.TestCase):
    def count(self, allocator, operation):
        done = run(ICOUNT, "--allocators", allocator, operation, "--units", "50")
        self.assertEqual(done.returncode, 0, done)
        fields = done.stdout.splitlines()[1].split()
        self.assertEqual(fields[:2], [allocator.split("=")[0], operation])
        return [float(word) for word in fields[2:]]

    def test_exact(self):
        first = self.count("glibc", "pair16")
        self.assertEqual(first, self.count("glibc", "pair16"))
        pair, with_loop, least, most, mean = first
        self.assertGreater(pair, 20)
        self.assertGreater(with_loop, pair)
        self.assertTrue(least <= pair <= most and least <= mean <= most)

    def test_another_malloc_has_another_count(self):
        self.assertNotEqual(self.count("glibc", "pair16"), self.count("loam=" + LIBRARY, "pair16"))

    def test_more_work_counts_more(self):
        self.assertGreater(self.count("glibc", "realloc64k")[0], 5 * self.count("glibc", "pair16")[0])

    def test_refusals(self):
        for words in (["nosuch"], ["thread64"], ["--units", "0"], ["--allocators", "nosuch"]):
            self.assertEqual(run(ICOUNT, *words).returncode, 2, words)


class Pairs(unittest.TestCase):
    def test_times(self):
        done = run(PAIRS, "--allocators", "glibc,loam=" + LIBRARY, "--rounds", "1", "loop", "pair16", "thread64")
        self.assertEqual(done.returncode, 0, done)
        rows = {line.split()[0]: [float(n) for n in line.replace("/", " ").split()[1:]]
                for line in done.stdout.splitlines()[1:]}
        for minimum, median in (rows["pair16"][:2], rows["pair16"][2:], rows["thread64"][:2]):
            self.assertLessEqual(minimum, median)
        self.assertLess(rows["loop"][0], rows["pair16"][0])
        self.assertLess(rows["pair16"][0], rows["thread64"][0])

    def test_refusals(self):
        for words in (["nosuch"], ["--rounds", "0"], ["--allocators", "nosuch"]):
            self.assertEqual(run(PAIRS, *words).returncode, 2, words)


if __name__ == "__main__":
    unittest.main()

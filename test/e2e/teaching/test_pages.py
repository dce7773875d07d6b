"""docs/concepts.md and the pages of the laboratory: each command prints what the page says, each picture is the one that is drawn."""

import pathlib
import re
import subprocess
import tempfile
import unittest

import pages

DOCS = pages.ROOT / "docs"
PAGES = ("concepts", "lab/splinters", "lab/ruin", "lab/halves", "lab/spread", "lab/stranded")


class Pages(unittest.TestCase):
    def test_each(self):
        for name in PAGES:
            with self.subTest(page=name), tempfile.TemporaryDirectory() as folder:
                path = DOCS / f"{name}.md"
                text = path.read_text()
                self.assertGreater(len(pages.commands(text)), 0)
                pages.prepare(folder)
                wrong = pages.faults(text, folder)
                self.assertEqual(wrong, [], "\n" + "\n".join(wrong))
                for picture in pages.pictures(text):
                    drawn = (pathlib.Path(folder) / picture).read_text()
                    self.assertEqual(drawn, (path.parent / picture).read_text(), f"{picture} is not what is drawn now")

    def test_built_as_their_heads_say(self):
        with tempfile.TemporaryDirectory() as folder:
            for source in [*(pages.ROOT / "examples/lab").glob("*.c"), *(pages.ROOT / "examples/concepts").glob("*.c")]:
                if source.stem == "mtrace_all":
                    continue
                command = re.search(r"^   (gcc -g .*) \*/$", source.read_text(), re.M).group(1).split()
                self.assertEqual(command[2:], [source.name, "-o", source.stem])
                subprocess.run([*command[:4], f"{folder}/{source.stem}"], cwd=source.parent, check=True, capture_output=True)

    def test_no_page_is_left_out(self):
        beside = {f"lab/{path.stem}" for path in (pages.ROOT / "examples/lab").glob("*.c")} - {"lab/mtrace_all"}
        self.assertEqual({name for name in PAGES if name.startswith("lab/")}, beside)
        parts = re.findall(r"^## (\d+)\. ", (DOCS / "concepts.md").read_text(), re.M)
        self.assertEqual(parts, [str(number) for number in range(1, 11)])


class TheJudge(unittest.TestCase):
    """Bad samples, which must be found."""

    def test_masks(self):
        self.assertEqual(pages.masked("  by thread 12   took 1.5 us at 0x7f00"), "by thread NUMBER took TIME at ADDRESS")
        self.assertEqual(pages.masked("free 12.5 %, 1.2 MiB, 12.25 steps"), "free 12.5 %, 1.2 MiB, FRACTION steps")
        self.assertEqual(pages.masked("    crossing: 5 calls, 64.5 %"), "crossing: 0 calls, 0 %")
        for one, other in (("1.2 MiB", "1.3 MiB"), ("12.5 %", "12.6 %"), ("3 blocks", "4 blocks"), ("leak.c:3", "leak.c:4")):
            self.assertNotEqual(pages.masked(one), pages.masked(other))

    def test_fits(self):
        printed = ["one", "two", "three", "four"]
        for shown in (printed, ["...", "four"], ["one", "..."], ["one", "...", "three", "four"], ["one", "...", "four"],
                      ["..."], ["...", "two", "..."], ["one", "two", "three", "four", "..."]):
            self.assertTrue(pages.fits(shown, printed), shown)
        for shown in ([], printed[:3], printed[1:], ["...", "three"], ["two", "..."], ["one", "...", "five", "..."],
                      [*printed, "five"], ["...", "three", "...", "two", "..."], ["one", "three", "..."]):
            self.assertFalse(pages.fits(shown, printed), shown)

    def test_renewed(self):
        shown = ["one", "...", "two 2", "...", "end"]
        printed = ["one", "many", "two 3", "more", "more", "end!"]
        self.assertEqual(pages.renewed(shown, printed), ["one", "...", "two 3", "...", "end!"])
        self.assertTrue(pages.fits(pages.renewed(shown, printed), printed))
        self.assertEqual(pages.renewed(["old"], printed), printed)
        self.assertEqual(pages.renewed(["old", "..."], printed), ["one", "..."])

    def test_faults(self):
        with tempfile.TemporaryDirectory() as folder:
            good = "```\n$ echo one; echo two >&2\none\ntwo\n$ echo three\nthree\n```\n"
            self.assertEqual(pages.faults(good, folder), [])
            self.assertEqual(len(pages.faults(good.replace("\ntwo", "\n2").replace("\nthree", "\n3"), folder)), 2)
            self.assertEqual(pages.commands("```\nno command\n```\n"), [])


if __name__ == "__main__":
    unittest.main(verbosity=2)

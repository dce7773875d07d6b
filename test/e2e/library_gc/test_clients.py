"""Programs of Debian that use bdwgc, unmodified, on libloam-gc.so: the same output as on bdwgc's own library, with a collection
forced every 1,000 allocations, at least 100 collections, and more bytes reclaimed than live; and with marking beside the program."""

import glob
import os
import re
import subprocess
import tempfile
import unittest

LIBRARY = os.path.join(os.environ["LOAM_BUILD_DIR"], "lib/gc")
FORCED = "stats=1:every=1000"
# All collections but the first beside the program, often.
BESIDE = "stats=1:concurrent-from=0:generations-from=0:least-growth=64k"

NEKO = """
tree = function(d) { if d == 0 return null; var o = $new(null); o.l = tree(d - 1); o.r = tree(d - 1); return o; };
count = function(t) { if t == null return 0; return 1 + count(t.l) + count(t.r); };
var i = 0;
var total = 0;
while i < 60 { total = total + count(tree(10)); i = i + 1; }
$print(total, "\\n");
var table = $hnew(10);
i = 0;
while i < 40000 { $hadd(table, i, "value " + i); i = i + 1; }
$print($hsize(table), " ", $hget(table, 777, null), "\\n");
var text = "";
i = 0;
while i < 3000 { text = text + i; i = i + 1; }
$print($ssize(text), "\\n");
"""

ASYMPTOTE = """
size(8cm);
for (int i = 0; i < 60; ++i) {
  path p = (0, 0);
  for (int j = 1; j < 40; ++j) p = p .. (j * cos(i + j / 5), j * sin(i - j / 7));
  draw(p, rgb(i / 60, 0.3, 1 - i / 60));
}
real[] heights;
for (int k = 0; k < 20000; ++k) heights.push(sin(k / 100));
for (int k = 0; k < 200; ++k) dot((k / 10, 10 * heights[100 * k # 100]));
write(sum(heights));
"""


def page(number):
    """A page with tables, lists and links."""
    parts = [f"<html><head><title>Page {number}</title></head><body>"]
    for i in range(150 * number):
        parts.append(f'<h2>Section {i}</h2><p>Text <b>bold {i}</b> <a href="#s{i}">link</a> &auml;&amp;&lt;</p>')
        rows = "".join(f"<tr><td>{j}</td><td>{i * j}</td><td><i>{'x' * (j % 7)}</i></td></tr>" for j in range(12))
        parts.append(f"<table border=1>{rows}</table><ul><li>one<li>two<ol><li>in</ol></ul>")
    return "".join(parts) + "</body></html>"


class Clients(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)

    def write(self, name, text):
        path = os.path.join(self.folder.name, name)
        with open(path, "w", encoding="utf-8") as stream:
            stream.write(text)
        return path

    def run_on(self, options, *command):
        environment = {key: value for key, value in os.environ.items() if not key.startswith("GC_")}
        environment.update(HOME=self.folder.name, TERM="dumb")
        if options:
            environment.update(LD_LIBRARY_PATH=LIBRARY, LOAM_GC=options)
        result = subprocess.run(command, env=environment, cwd=self.folder.name, capture_output=True, timeout=600, check=False)
        self.assertEqual(result.returncode, 0, (command, result.stderr))
        return result.stdout, result.stderr.decode(errors="replace")

    def figures(self, text):
        """Collections and bytes of every process that printed its statistics, added up."""
        found = re.findall(r"loam-gc: (\d+) collections \(.* reclaimed (\d+) KiB, .* live (\d+) KiB", text)
        self.assertTrue(found, text)
        return [sum(int(row[i]) for row in found) for i in range(3)]

    def compare(self, *commands):
        """The same bytes on both libraries; what ours has collected over all commands."""
        collections, reclaimed, live = 0, 0, 0
        for command in commands:
            theirs, _ = self.run_on(None, *command)
            output, text = self.run_on(FORCED, *command)
            self.assertGreater(len(output), 10, command)
            self.assertEqual(output, theirs, command)
            beside, told = self.run_on(BESIDE, *command)
            self.assertEqual(beside, theirs, command)
            self.assertIn("while the program ran", told)
            more = self.figures(text)
            collections, reclaimed, live = collections + more[0], reclaimed + more[1], live + more[2]
        print(f"{self.id().rsplit('_', 1)[1]}: {collections} collections, {reclaimed} KiB reclaimed, {live} KiB live")
        self.assertGreaterEqual(collections, 100)
        self.assertGreater(reclaimed, live)

    def test_w3m(self):
        pages = [self.write(f"{number}.html", page(number)) for number in (1, 2, 3)]
        self.compare(*[("w3m", "-dump", path) for path in pages])

    def test_neko(self):
        source = self.write("trees.neko", NEKO)
        self.run_on(None, "nekoc", source)
        with open(os.path.join(self.folder.name, "trees.n"), "rb") as stream:
            theirs = stream.read()
        self.run_on(FORCED, "nekoc", source)
        with open(os.path.join(self.folder.name, "trees.n"), "rb") as stream:
            self.assertEqual(stream.read(), theirs)
        self.compare(("neko", os.path.join(self.folder.name, "trees.n")))

    def test_asymptote(self):
        self.write("picture.asy", ASYMPTOTE)
        # The date of the day is in the picture.
        hide = "asy -f eps -noV -o - picture.asy | grep -av CreationDate"
        self.compare(("sh", "-c", hide))


class Kinds(unittest.TestCase):
    def test_bdwgc_keeps_the_promises_that_ours_does(self):
        program = os.path.join(os.environ["LOAM_BUILD_DIR"], "bin/library/library-gc-kinds")
        own = os.path.dirname(glob.glob("/usr/lib/*/libgc.so.1")[0])
        for part in ("toggles", "gcj", "disclaim", "stackbottom", "little"):
            with self.subTest(part):
                # Binding a function when it is first called leaves the vector registers on the stack, where bdwgc finds what was in them.
                environment = dict(os.environ, LD_LIBRARY_PATH=own, LOAM_GC="stats=1", LD_BIND_NOW="1")
                done = subprocess.run([program, part], env=environment,
                                      capture_output=True, text=True, timeout=300, check=False)
                self.assertEqual((done.returncode, done.stdout), (0, f"{part}: as promised\n"), done.stderr)
                self.assertNotIn("loam-gc", done.stderr, "that was ours")


if __name__ == "__main__":
    unittest.main()

"""`loam replay --picture`: tiles whose colours can be worked out by hand, and where the free pieces lie at the end."""

import json
import pathlib
import re
import subprocess
import tempfile
import unittest
import xml.etree.ElementTree as xml

import pages

SVG = "{http://www.w3.org/2000/svg}"
FREE, LIVE, HEADER, PADDING = (13, 13, 12), (2, 6, 11), (12, 2, 2), (14, 10, 1)


def hexadecimal(colour):
    return "#" + "".join(f"{part:x}" for part in colour)


def runs(drawing):
    """colour -> the runs of tiles (column, row from the top, length), of a picture with one panel."""
    paths = drawing.findall(f".//{SVG}g/{SVG}path")
    return {path.get("stroke"): {tuple(map(int, run)) for run in re.findall(r"M(\d+) (\d+)h(\d+)", path.get("d"))}
            for path in paths}


class Picture(unittest.TestCase):
    def setUp(self):
        held = tempfile.TemporaryDirectory()
        self.addCleanup(held.cleanup)
        self.folder = pathlib.Path(held.name)

    def loam(self, lines, *options, file="trace"):
        (self.folder / file).write_text("= Start\n" + "\n".join(lines) + "\n= End\n")
        return subprocess.run([pages.BUILD / "bin/loam", "replay", file, *options], cwd=self.folder, capture_output=True,
                              text=True, timeout=60, check=False)

    def draw(self, lines, *options, **more):
        done = self.loam(lines, "--picture", "heap.svg", *options, **more)
        self.assertEqual(done.returncode, 0, done.stderr)
        return xml.parse(self.folder / "heap.svg").getroot(), done.stdout

    def test_tiles_are_where_the_blocks_are(self):
        # Two blocks of 40 tiles each; then the lower one goes, then the other.
        lines = ["@ a + 0x1 0x28000", "@ a + 0x2 0x28000", "@ a - 0x1", "@ a - 0x2"]
        drawing, _ = self.draw(lines, "--policy", "first-fit", "--header", "0", "--grow", "4096", "--shrink", "0")
        low, high = range(40, 80), range(40)
        self.assertEqual(runs(drawing), {
            hexadecimal(LIVE): {(0, row, 160) for row in low} | {(80, row, 160) for row in high},
            hexadecimal(FREE): {(160, row, 160) for row in low} | {(240, row, 80) for row in high}})

    def test_parts_of_a_block_are_mixed(self):
        # 20 bytes in blocks of 32: 8 of header, 4 of padding.
        lines = [f"@ a + 0x{i + 1:x} 0x14" for i in range(2048)]
        drawing, _ = self.draw(lines, "--policy", "first-fit", "--grow", "65536")
        mixed = tuple(int((8 * header + 20 * live + 4 * padding) / 32 + 0.5)
                      for header, live, padding in zip(HEADER, LIVE, PADDING))
        self.assertIn((319, 0, 1), runs(drawing)[hexadecimal(mixed)])

    def test_one_scale_for_all_policies(self):
        lines = [f"@ a + 0x{i + 1:x} 0x400" for i in range(64)]
        drawing, _ = self.draw(lines, "--policy", "first-fit,buddy")
        words = [text.text for text in drawing.iter(f"{SVG}text")]
        self.assertEqual(sum(word.startswith(("first-fit: heap ", "buddy: heap ")) for word in words), 2)
        self.assertEqual(words.count("128.0 KiB"), 2)

    def test_names_are_data(self):
        name = "<b onload='x'>&amp;"
        drawing, _ = self.draw(["@ a + 0x1 0x10"], file=name)
        self.assertEqual(drawing.find(f"{SVG}title").text, f"The heap of {name}: addresses over time")

    def test_free_pieces(self):
        # Twenty blocks of a twentieth each, of which the second, fourth and fifth are free.
        lines = [f"@ a + 0x{i + 1:x} 0x10000" for i in range(20)] + ["@ a - 0x2", "@ a - 0x4", "@ a - 0x5"]
        options = ("--policy", "first-fit", "--header", "0")
        report = json.loads(self.loam(lines, *options, "--format", "json").stdout)
        tenths = report["policies"][0]["at_end"]["tenths"]
        self.assertEqual(tenths[:2], [{"free_pieces": 1, "free_bytes": 65536}, {"free_pieces": 1, "free_bytes": 131072}])
        self.assertEqual(tenths[2:], [{"free_pieces": 0, "free_bytes": 0}] * 8)
        _, text = self.draw(lines, *options)
        self.assertRegex(text, r"first-fit +1 x 64.0 KiB +1 x 128.0 KiB( +-){8}\n")

    def test_refusals(self):
        done = self.loam(["@ a + 0x1 0x10"], "--picture", "nowhere/heap.svg")
        self.assertEqual(done.returncode, 1)
        self.assertIn("nowhere/heap.svg", done.stderr)

    def test_an_empty_recording(self):
        drawing, _ = self.draw([])
        self.assertEqual(runs(drawing), {})


if __name__ == "__main__":
    unittest.main(verbosity=2)

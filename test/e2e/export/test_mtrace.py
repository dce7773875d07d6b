"""What mtrace() of the C library wrote, read by what reads a recording."""
import json
import unittest

import exports
from exports import Case

# One block is resized in place, one moved, one realloc refused; the free of another was never seen.
LINES = """= Start
@ ./small:(make+0x1b)[0x401136] + 0x1000 0x20
@ ./small:(make+0x1b)[0x401136] + 0x1040 0x10
@ ./small:[0x401200] < 0x1000
@ ./small:[0x401200] > 0x1000 0x30
@ ./small:[0x401200] < 0x1000
@ ./small:[0x401200] > 0x2000 0x400
@ ./small:[0x401200] < 0x2000
@ ./small:[0x401200] ! 0x2000 0x100000000
@ ./small:(make+0x1b)[0x401136] + 0x1040 0x18
@ ./small:[0x401300] - 0x2000
@ ./small:[0x401300] - 0x7777
= End
"""


class Read(Case):
    def json_of(self, path, **more):
        return json.loads(exports.run(exports.LOAM, "export", "--format", "json", path, **more).stdout)

    def test_lines(self):
        path = self.path("small.trace")
        with open(path, "w", encoding="utf-8") as file:
            file.write(LINES)
        told = self.json_of(path)
        summary = told["summary"]
        self.assertEqual((summary["allocations"], summary["bytes"], summary["left"]), (5, 0x20 + 0x10 + 0x30 + 0x400 + 0x18, {"blocks": 1, "bytes": 0x18}))
        self.assertEqual(summary["peak"]["bytes"], 0x400 + 0x18)
        frames = [site["frames"][0] for site in told["sites"]]
        self.assertEqual([(frame["function"], frame["module"], frame["address"]) for frame in frames],
                         [(None, "./small", "0x401200"), ("make", "./small", "0x401136")])
        self.assertIn("1 lines of the file make no sense", " ".join(told["recording"]["remarks"]))
        csv = exports.run(exports.LOAM, "export", path).stdout.splitlines()
        self.assertEqual(sum(line.endswith(",1") for line in csv[1:]), 4, "two reallocs, each of two halves")

    def test_what_the_c_library_wrote(self):
        trace = self.path("shapes.trace")
        exports.run("env", "LD_PRELOAD=libc_malloc_debug.so.0", f"MALLOC_TRACE={trace}", exports.SHAPES)
        told = self.json_of(trace)
        keep = [site for site in told["sites"] if site["left"] == {"blocks": 100, "bytes": 100000}]
        self.assertEqual([site["allocations"] for site in keep], [100])
        self.assertGreaterEqual(told["summary"]["peak"]["bytes"], 100 * 1000 + 50 * 10000)
        replayed = json.loads(exports.run(exports.LOAM, "replay", "--policy", "first-fit", "--format", "json", trace).stdout)
        self.assertEqual((replayed["allocations"] + replayed["resizes"], replayed["peak_live_bytes"]),
                         (told["summary"]["allocations"], told["summary"]["peak"]["bytes"]))
        page = self.path("shapes.html")
        exports.run(exports.LOAM, "report", "--output", page, trace)
        with open(page, encoding="utf-8") as file:
            self.assertIn("<html", file.read())


if __name__ == "__main__":
    unittest.main(verbosity=2)

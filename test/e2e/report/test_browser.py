"""The page rebuilt from its sources byte for byte, its unit tests, and the page in Chromium (needs npm and Debian's chromium)."""

import os
import shutil
import subprocess
import tempfile
import unittest

SOURCE = os.environ["LOAM_SOURCE_DIR"]
MAKE_PAGE = os.environ["LOAM_MAKE_PAGE"]


class Page(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory(prefix="loam-web-")
        cls.web = os.path.join(cls.folder.name, "web")
        shutil.copytree(os.path.join(SOURCE, "web"), cls.web, ignore=shutil.ignore_patterns("node_modules", "build"))
        cls.run_in_web("npm", "ci", "--no-audit", "--no-fund")

    @classmethod
    def tearDownClass(cls):
        cls.folder.cleanup()

    @classmethod
    def run_in_web(cls, *command):
        result = subprocess.run(command, cwd=cls.web, capture_output=True, text=True, timeout=240, check=False)
        if result.returncode != 0:
            raise AssertionError(f"{' '.join(command)}: {result.stdout}{result.stderr}")

    def test_rebuilt_page_is_the_committed_one(self):
        self.run_in_web("npm", "run", "build")
        with open(os.path.join(self.web, "dist/report.html"), "rb") as built:
            with open(os.path.join(SOURCE, "web/dist/report.html"), "rb") as committed:
                self.assertTrue(built.read() == committed.read(), "web/dist/report.html is not what its sources give")

    def test_types_and_units(self):
        self.run_in_web("npm", "run", "check")
        self.run_in_web("npm", "test")

    def test_in_chromium(self):
        pages = [os.path.join(self.folder.name, name) for name in ("plain.html", "hostile.html")]
        subprocess.run([MAKE_PAGE, "1000000", "plain", pages[0]], check=True)
        subprocess.run([MAKE_PAGE, "200000", "hostile", pages[1]], check=True)
        self.run_in_web("node", "test/browser/run.mjs", *pages)


if __name__ == "__main__":
    unittest.main()

"""web/dist/report.html, which is committed and built into the tool, is that of the sources beside it, and keeps to itself."""

import base64
import hashlib
import os
import re
import unittest

WEB = os.path.join(os.environ.get("LOAM_SOURCE_DIR", os.path.join(os.path.dirname(__file__), "..", "..", "..")), "web")


def sources_hash(root):
    """As web/build.mjs computes it."""
    files = ["build.mjs", "package.json", "package-lock.json"]
    for where, below, names in os.walk(os.path.join(root, "src")):
        below.sort()
        files += [os.path.relpath(os.path.join(where, name), root).replace(os.sep, "/") for name in names]
    digest = hashlib.sha256()
    for path in sorted(files):
        with open(os.path.join(root, path), "rb") as stream:
            digest.update(path.encode() + b"\0" + stream.read() + b"\0")
    return digest.hexdigest()


def part(page, tag):
    """The text of the only element of this kind without attributes."""
    found = re.findall(rf"<{tag}>(.*?)</{tag}>", page, re.S)
    assert len(found) == 1, f"{len(found)} elements <{tag}>"
    return found[0]


def policy_hash(text):
    return "'sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode() + "'"


class Built(unittest.TestCase):
    def setUp(self):
        with open(os.path.join(WEB, "dist", "report.html"), encoding="utf-8") as stream:
            self.page = stream.read()

    def test_is_of_these_sources(self):
        built = re.search(r'<meta name="loam-sources" content="(\w+)">', self.page).group(1)
        self.assertEqual(built, sources_hash(WEB), "web/ has changed since dist/report.html was built: cd web && npm ci && npm run build")

    def test_policy_allows_its_own_script_and_style_only(self):
        policy = re.search(r'http-equiv="Content-Security-Policy" content="([^"]*)"', self.page).group(1)
        self.assertIn("default-src 'none'", policy)
        self.assertIn(f"script-src {policy_hash(part(self.page, 'script'))};", policy)
        self.assertIn(f"style-src {policy_hash(part(self.page, 'style'))};", policy)
        self.assertNotIn("unsafe", policy)

    def test_loads_nothing(self):
        outside = part(self.page, "style") + part(self.page, "script")
        self.assertEqual(re.findall(r"url\(|@import|\bimport\(|\bfetch\(|XMLHttpRequest|WebSocket|EventSource|importScripts", outside), [])

    def test_sources_make_no_markup_of_data(self):
        for where, _, names in os.walk(os.path.join(WEB, "src")):
            for name in names:
                with open(os.path.join(where, name), encoding="utf-8") as stream:
                    text = stream.read()
                self.assertNotRegex(text, r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function",
                                    f"{name} makes markup or code of text")

    def test_has_one_place_for_data(self):
        self.assertEqual(self.page.count("@loam-report-data@"), 1)


class TheChecker(unittest.TestCase):
    def test_hash_sees_every_byte(self):
        import tempfile
        with tempfile.TemporaryDirectory() as folder:
            os.mkdir(os.path.join(folder, "src"))
            for name in ("build.mjs", "package.json", "package-lock.json", "src/a.ts"):
                with open(os.path.join(folder, name), "w", encoding="utf-8") as stream:
                    stream.write(name)
            before = sources_hash(folder)
            with open(os.path.join(folder, "src/a.ts"), "a", encoding="utf-8") as stream:
                stream.write(" ")
            self.assertNotEqual(before, sources_hash(folder))


if __name__ == "__main__":
    unittest.main()

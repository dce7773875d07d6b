"""Every placement policy against its textbook form, block for block, on recordings of three real programs."""
import os
import pathlib
import subprocess
import sys
import tempfile
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "support"))
import preload  # noqa: E402

LOAM = os.environ["LOAM_BIN"]
AGREEMENT = pathlib.Path(os.environ["LOAM_BUILD_DIR"]) / "bin/record/policy_agreement"
MOST = 60000

PYTHON = """
import json
store = {}
for i in range(3000):
    store[i % 700] = json.loads(json.dumps({"id": i, "name": "n" * (i % 90), "list": list(range(i % 40))}))
"""
PERL = "my %h; for my $i (1..20000) { $h{$i % 1500} .= 'x' x ($i % 70); delete $h{($i * 7) % 1500} if $i % 3 == 0; }"
SQL = """create table t(a integer primary key, b text);
with recursive n(i) as (select 1 union all select i + 1 from n where i < 4000)
insert into t select i, printf('%0*d', i % 60, i) from n;
select count(*), sum(length(b)) from t where b like '%7%';
delete from t where a % 3 = 0; create index i on t(b); select b from t order by b desc limit 5;"""
PROGRAMS = {
    "python3": (["/usr/bin/python3", "-c", PYTHON], {"PYTHONMALLOC": "malloc"}, None),
    "perl": (["/usr/bin/perl", "-e", PERL], {}, None),
    "sqlite3": (["/usr/bin/sqlite3", "-batch", "-init", "/dev/null", ":memory:"], {}, SQL),
}


class Agreement(unittest.TestCase):
    def test_block_for_block(self):
        for name, (program, environment, text) in PROGRAMS.items():
            with self.subTest(name), tempfile.TemporaryDirectory() as folder:
                file = os.path.join(folder, name + ".loam")
                done = subprocess.run([LOAM, "record", "--no-stacks", "--output", file, "--", *program], input=text, text=True,
                                      env={**preload.plain_environment(), **environment}, capture_output=True, timeout=120,
                                      check=False)
                self.assertEqual(done.returncode, 0, done.stderr)
                done = subprocess.run([AGREEMENT, file, str(MOST)], text=True, capture_output=True, timeout=900, check=False)
                self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
                lines = done.stdout.splitlines()
                self.assertEqual(len(lines), 7)
                for line in lines:
                    self.assertGreater(int(line.split()[-1]), 5000, "a recording that says something")


if __name__ == "__main__":
    unittest.main()

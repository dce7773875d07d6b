"""Replay asks for the lines of the cache that its policies will look at: GCC 12 drops prefetches that it takes for calls without an effect, and
replay is right then, but slow."""
import os
import pathlib
import re
import subprocess
import unittest

OBJECT = pathlib.Path(os.environ["LOAM_BUILD_DIR"]) / "CMakeFiles/loam_tool.dir/src/tool/model/simulation.cpp.o"
POLICIES = ["first_fit_index", "next_fit_index", "best_fit_index", "worst_fit_index", "tlsf_index", "buddy_policy", "segregated_policy"]
ASKS = re.compile(r"\t(prefetch|prfm)")
# The operations and the table of blocks are asked for whatever the policy is.
OF_ALL = 2


def asking(code):
    """How many lines the functions of each policy ask for beyond those."""
    counts = dict.fromkeys(POLICIES, -OF_ALL)
    for function in code.split("\n\n"):
        name = function.split("\n", 1)[0]
        for policy in POLICIES:
            if f"::{policy}" in name:
                counts[policy] += sum(bool(ASKS.search(line)) for line in function.split("\n"))
    return counts


class Asking(unittest.TestCase):
    def test_each_policy_asks(self):
        code = subprocess.run(["objdump", "--disassemble", "--no-show-raw-insn", "--demangle", OBJECT], capture_output=True, text=True,
                              check=True).stdout
        counts = asking(code)
        self.assertTrue(all(count > 0 for count in counts.values()), counts)

    def test_one_that_does_not_is_found(self):
        code = "".join(f"0 <Simulation<loam::detail::{policy}>::place>:\n 1:\tprefetcht0 (%rax)\n 5:\tprefetcht0 (%rdx)\n\n" for policy in POLICIES)
        self.assertEqual(set(asking(code).values()), {0})


if __name__ == "__main__":
    unittest.main(verbosity=2)

"""Runs Python's own tests of the modules named and says on standard output what became of each."""
import sys
import unittest

if __name__ == "__main__":
    runner = unittest.TextTestRunner(stream=sys.stdout, verbosity=2, buffer=True)
    unittest.main(module=None, argv=sys.argv, testRunner=runner)

#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""sum_results.py against what ctest really writes."""
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

SUM = Path(__file__).with_name("sum_results.py")

TESTS = {
    "passes": ('/bin/sh -c "exit 0"', ""),
    "fails": ('/bin/sh -c "exit 1"', ""),
    "skips": ('/bin/sh -c "echo skipped: no wine; exit 77"',
              "SKIP_RETURN_CODE 77"),
    "gtest_skips": ('/bin/sh -c "echo [  SKIPPED ] A.B"',
                    'SKIP_REGULAR_EXPRESSION "SKIPPED"'),
    "missing": ("/nonexistent/program", ""),
    "disabled": ('/bin/sh -c "exit 0"', "DISABLED TRUE"),
}


def summed(names, *options):
    """(exit status, lines) of the sum over those of TESTS."""
    with tempfile.TemporaryDirectory() as folder:
        lines = []
        for name in names:
            command, properties = TESTS[name]
            lines.append(f"add_test({name} {command})")
            if properties:
                lines.append(
                    f"set_tests_properties({name} PROPERTIES {properties})")
        Path(folder, "CTestTestfile.cmake").write_text("\n".join(lines))
        subprocess.run(["ctest", "--output-junit", "results.xml"], cwd=folder,
                       capture_output=True, check=False)
        done = subprocess.run([sys.executable, SUM, *options,
                               f"{folder}/results.xml"],
                              capture_output=True, text=True, check=False)
        return done.returncode, done.stdout.splitlines()


class SumResults(unittest.TestCase):
    def test_passes_when_all_pass(self):
        self.assertEqual(summed(["passes"]),
                         (0, ["1 passed, 0 failed, 0 skipped"]))

    def test_names_what_failed(self):
        self.assertEqual(summed(["passes", "fails"]),
                         (1, ["failed: fails",
                              "1 passed, 1 failed, 0 skipped"]))

    def test_counts_what_could_not_start_as_failed(self):
        for name in ("missing", "disabled"):
            self.assertEqual(summed([name]),
                             (1, [f"failed: {name}",
                                  "0 passed, 1 failed, 0 skipped"]))

    def test_tells_why_a_test_was_skipped(self):
        self.assertEqual(summed(["skips"]),
                         (0, ["skipped: skips", "    skipped: no wine",
                              "0 passed, 0 failed, 1 skipped"]))

    def test_fails_on_a_skip_when_asked(self):
        for name in ("skips", "gtest_skips"):
            status, lines = summed(["passes", name], "--fail-on-skip")
            self.assertEqual((status, lines[-1]),
                             (1, "1 passed, 0 failed, 1 skipped"))


if __name__ == "__main__":
    unittest.main()

#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Sums a JUnit file of ctest: names what failed or was skipped, then one line.

Exit status 1 when a test failed, or was skipped and --fail-on-skip is given.
"""
import argparse
import re
import sys
import xml.etree.ElementTree as ElementTree


def kind_of(case):
    """passed, failed or skipped. ctest also calls "skipped" what it could not
    start; only a test that itself asks to be skipped counts as that."""
    if case.get("status") == "run":
        return "passed"
    skipped = case.find("skipped")
    if skipped is not None and skipped.get("message", "").startswith("SKIP_"):
        return "skipped"
    return "failed"


def reason_of(case):
    """The lines of the test's output that tell why it was skipped."""
    output = case.findtext("system-out") or ""
    lines = [line.strip() for line in output.splitlines()]
    return [line for line in lines if re.search(r"\bskipped\b", line, re.I)]


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--fail-on-skip", action="store_true")
    parser.add_argument("results")
    arguments = parser.parse_args()

    count = {"passed": 0, "failed": 0, "skipped": 0}
    for case in ElementTree.parse(arguments.results).iter("testcase"):
        kind = kind_of(case)
        count[kind] += 1
        if kind == "passed":
            continue
        print(f"{kind}: {case.get('name')}")
        if kind == "skipped":
            for line in reason_of(case)[:3]:
                print(f"    {line}")
    print("{passed} passed, {failed} failed, {skipped} skipped".format(**count))
    bad = count["failed"] or (arguments.fail_on_skip and count["skipped"])
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())

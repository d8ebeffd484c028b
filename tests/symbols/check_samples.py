#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Samples with a .dbg file of theirs beside them, held against the manifest,
whose names and addresses are those of the linker.

check_samples.py --detachfix FILE --print-symbols FILE --samples FOLDER

Of each: every function is found where the linker put it; the verdict stays what
it is without symbols; `explain` names the functions that it lists, before and
after the repair; and a file of another sample is not used, and said so.
"""

import argparse
import json
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

LABEL = re.compile(r"^  (?:entry|function) 0x([0-9a-f]+)(?: (\S+))?:$", re.M)

OF_ANOTHER = re.compile("SOME.DBG is not used: is of another image: "
                        "(TimeDateStamp|CheckSum) is 0x")


class Checker:
    def __init__(self, arguments, folder):
        self.arguments = arguments
        self.folder = folder
        self.problems = []
        self.labels = 0

    def expect(self, sample, what, seen, expected):
        if seen != expected:
            self.problems.append(f"{sample['name']}: {what}: {seen!r:.200}, "
                                 f"expected {expected!r:.200}")

    def run(self, *words):
        return subprocess.run(list(map(str, words)), stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, text=True, check=False)

    def verify(self, dll):
        done = self.run(self.arguments.detachfix, "verify", "--jsonl", dll)
        return json.loads(done.stdout)

    def check_labels(self, sample, dll):
        text = self.run(self.arguments.detachfix, "explain", dll).stdout
        names = {rva: name
                 for name, rva in sample["symbols"]["functions"].items()}
        for rva, name in LABEL.findall(text):
            known = names.get(int(rva, 16))
            # What detachfix added has no name.
            if known or name:
                self.expect(sample, f"the label at 0x{rva}", name, known)
                self.labels += 1

    def check(self, sample, other):
        dll, dbg = self.folder / "Some.dll", self.folder / "SOME.DBG"
        symbols = self.arguments.samples / sample["symbols"]["file"]
        shutil.copyfile(self.arguments.samples / sample["file"], dll)
        shutil.copyfile(symbols, dbg)
        printed = [line.split(" ", 2) for line in self.run(
            self.arguments.print_symbols, dll, dbg).stdout.splitlines()]
        self.expect(sample, "its functions",
                    {name: int(rva, 16) for rva, kind, name in printed
                     if kind == "F"}, first_names(sample["symbols"]))
        file = self.verify(dll)
        self.expect(sample, "verdict", file["verdict"], sample["verdict"])
        confirmed = [line for line in file["evidence"]
                     if line.startswith("symbols: SOME.DBG names the entry ")]
        self.expect(sample, "lines that confirm the entry", len(confirmed), 1)
        self.check_labels(sample, dll)
        if sample["verdict"] == "leaks":
            self.run(self.arguments.detachfix, "patch", "-q", dll)
            self.expect(sample, "verdict after the repair",
                        self.verify(dll)["fixed_by"], "detachfix")
            self.check_labels(sample, dll)
        shutil.copyfile(self.arguments.samples / other["symbols"]["file"], dbg)
        file = self.verify(dll)
        self.expect(sample, "a note on another's file",
                    [bool(OF_ANOTHER.match(note)) for note in file["notes"]],
                    [True])


def first_names(symbols):
    """Of several functions at one place the manifest's order is the table's."""
    places = {}
    for name, rva in symbols["functions"].items():
        places.setdefault(rva, name)
    return {name: rva for rva, name in places.items()}


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--detachfix", required=True)
    parser.add_argument("--print-symbols", required=True)
    parser.add_argument("--samples", required=True, type=Path)
    arguments = parser.parse_args()
    manifest = json.loads((arguments.samples / "manifest.json").read_text())
    samples = [s for s in manifest["samples"] if s["symbols"]]
    seen = {(s["machine"], s["symbols"]["kind"]) for s in samples}
    assert len(seen) >= 7, seen
    with tempfile.TemporaryDirectory(prefix="symbols-") as folder:
        checker = Checker(arguments, Path(folder))
        for sample in samples:
            checker.check(sample, next(
                s for s in samples if s["machine"] == sample["machine"] and
                s != sample))
    for problem in checker.problems:
        print(problem)
    print(f"{len(samples)} samples, {checker.labels} labels, "
          f"{len(checker.problems)} problems")
    return 1 if checker.problems or not checker.labels else 0


if __name__ == "__main__":
    sys.exit(main())

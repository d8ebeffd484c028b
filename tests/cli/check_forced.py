#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Each sample that leaves a patcher few ways forces the one it is made for.

check_forced.py --detachfix FILE --samples FOLDER

A sample could stop forcing what it forces without any test noticing: the patch
would take an easier way and work. So the way to hook, the free space and the
edits that show it are held against the table below. It was written from what
the sample leaves free (samples/maker/forced_build.py), in the order that
docs/how-it-works.md gives for the ways and the space.
"""
import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "samples"))
from maker import forced_build, pe_edit  # noqa: E402

EXIT, ENTRY, WRAPPER = "exit of the detach path", "entry", "entry wrapper"
CODE, NEW = "slack of .text", "a new section"

# Reasons that edits give.
ENTRY_MOVES = "entry point -> stub"
NEW_HEADER = "header of the new section"
NEW_DESCRIPTOR = "import descriptors, moved, and one more for " \
    "kernel32.dll!DeleteCriticalSection"
LONGER_LOOKUP = "lookup table of kernel32.dll, moved, and one more entry"
UNBOUND = "bound import directory cleared: the loader would walk it instead " \
    "of the descriptors"
LONGER_IAT = "import address table directory -> also covers the new slot"
STAMP = "import of KERNEL32.dll no longer bound"


def raised(section):
    return f"{section} VirtualSize raised to cover what is added"


# Sample: hook, where the code goes, reasons that have to be among the edits'.
FORCED = {
    "forced-relocated-exit": (ENTRY, CODE, [ENTRY_MOVES]),
    "forced-relocated-exit-work": (WRAPPER, CODE, [ENTRY_MOVES]),
    "forced-no-slack": (EXIT, NEW, [NEW_HEADER]),
    "forced-no-header-room": (EXIT, CODE, [raised(".text")]),
    "forced-slack-in-code": (EXIT, CODE, [raised(".text"),
                                          LONGER_LOOKUP.replace("kernel32",
                                                                "KERNEL32")]),
    "forced-slack-in-data": (EXIT, NEW, [NEW_HEADER, raised(".idata"),
                                         NEW_DESCRIPTOR]),
    "forced-side-file": (EXIT, CODE, [raised(".text")]),
    "forced-no-relocations": (EXIT, CODE, [NEW_DESCRIPTOR]),
    "forced-overlay": (EXIT, NEW, [NEW_HEADER]),
    "forced-certificate": (EXIT, CODE, [NEW_DESCRIPTOR]),
    "forced-bound": (EXIT, NEW, [NEW_HEADER, UNBOUND]),
    "forced-bound-delete": (EXIT, NEW, [NEW_HEADER, UNBOUND, STAMP]),
    "forced-read-only": (EXIT, CODE, [NEW_DESCRIPTOR, LONGER_IAT]),
    "forced-read-only-no-iat": (EXIT, CODE, [NEW_DESCRIPTOR,
                                             raised(".imports")]),
    "forced-writable-no-iat": (EXIT, CODE, [NEW_DESCRIPTOR,
                                            raised(".imports")]),
    "forced-no-lookup": (EXIT, CODE, [NEW_DESCRIPTOR]),
    "forced-memory-slot": (EXIT, CODE, [LONGER_LOOKUP, raised(".imports")]),
}


class Checker:
    def __init__(self, detachfix):
        self.detachfix = detachfix
        self.problems = []

    def expect(self, name, what, seen, expected):
        if seen != expected:
            self.problems.append(f"{name}: {what} is {seen!r}, expected "
                                 f"{expected!r}")

    def run(self, *words):
        """(exit status, JSON object) of a command on one file."""
        done = subprocess.run([self.detachfix, *words, "--jsonl"],
                              stdout=subprocess.PIPE, check=False)
        return done.returncode, json.loads(done.stdout)


def dry_run(checker, path, *options):
    return checker.run("patch", "--dry-run", "--any-dll", *options, path)


def check_ways(checker, folder):
    for name, (hook, cave, reasons) in FORCED.items():
        _, file = dry_run(checker, folder / f"{name}.dll", "--allow-signed")
        checker.expect(name, "hook and cave", (file["hook"], file["cave"]),
                       (hook, cave))
        given = {edit["why"] for edit in file["edits"]}
        checker.expect(name, "reasons missing", sorted(set(reasons) - given),
                       [])


def check_covered(checker, folder):
    """Every sample of the family is in the table, and the other way round."""
    manifest = json.loads((folder / "manifest.json").read_text())
    family = {s["name"] for s in manifest["samples"]
              if s["family"] == "forced"}
    checker.expect("manifest", "forced samples", family, set(FORCED))


def check_memory_slot(checker, folder):
    """The new slot has no byte in the file."""
    name = "forced-memory-slot"
    _, file = dry_run(checker, folder / f"{name}.dll")
    image = pe_edit.Image((folder / f"{name}.dll").read_bytes())
    home = image.section(".imports")
    after = next(edit["after"] for edit in file["edits"]
                 if edit["why"] == raised(".imports"))
    checker.expect(name, "VirtualSize",
                   int.from_bytes(bytes.fromhex(after), "little"),
                   home.raw_size + 4)


def check_side_file(checker, folder, scratch):
    """The way back does not fit into the file, which nothing else forces."""
    for name in FORCED:
        path = scratch / f"{name}.dll"
        path.write_bytes((folder / f"{name}.dll").read_bytes())
        before = path.read_bytes()
        side = scratch / f"{name}.dll.detachfix-undo"
        checker.run("patch", "--any-dll", "--allow-signed", path)
        checker.expect(name, "side file", side.exists(),
                       name == "forced-side-file")
        checker.run("revert", path)
        checker.expect(name, "original back", path.read_bytes() == before,
                       True)
        checker.expect(name, "side file left", side.exists(), False)


def check_no_way(checker, folder, scratch):
    """No free byte and no room for a header: refused, every way named."""
    name = "no way"
    image = pe_edit.Image((folder / "forced-no-slack.dll").read_bytes())
    forced_build.crowd_headers(image)
    path = scratch / "no_way.dll"
    path.write_bytes(image.finish())
    before = path.read_bytes()
    status, file = checker.run("patch", "--any-dll", path)
    checker.expect(name, "status and action", (status, file["action"]),
                   (2, "refused"))
    checker.expect(name, "file changed", path.read_bytes() != before, False)
    for way in (EXIT + ": ", ENTRY + ": ", WRAPPER + ": ", "a new section: "):
        checker.expect(name, f"{way!r} named in {file['error']!r}",
                       way in file["error"], True)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--detachfix", required=True)
    parser.add_argument("--samples", required=True, type=Path)
    arguments = parser.parse_args()
    checker = Checker(arguments.detachfix)
    check_covered(checker, arguments.samples)
    check_ways(checker, arguments.samples)
    check_memory_slot(checker, arguments.samples)
    with tempfile.TemporaryDirectory(prefix="forced-") as scratch:
        check_side_file(checker, arguments.samples, Path(scratch))
        check_no_way(checker, arguments.samples, Path(scratch))
    for problem in checker.problems:
        print(problem)
    print(f"{len(FORCED)} forced samples, {len(checker.problems)} problems")
    return 1 if checker.problems else 0


if __name__ == "__main__":
    sys.exit(main())

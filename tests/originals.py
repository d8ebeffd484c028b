#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The proof on genuine files that the tester holds: tests/run --originals DIR

originals.py --detachfix FILE DIR

Every PE file in DIR is known by its SHA-256 alone. Of each: the verdict and the
rows that it may be; that a patch repairs what leaks and touches nothing else,
that a second one changes nothing, that another hand's reader finds the CheckSum
right, and that revert gives back every bit. DIR is only read. At the end stands
what the files confirm, and the template of a row for each that no row has.

What is not done here: the emulator's proof, which needs the source's word for
what the DLL calls.
"""

import argparse
import hashlib
import json
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import pefile


class Proof:
    def __init__(self, detachfix, folder):
        self.detachfix = detachfix
        self.folder = folder
        self.failures = 0

    def run(self, command, path, *options):
        done = subprocess.run([self.detachfix, command, "--jsonl", *options,
                               path], stdout=subprocess.PIPE, text=True,
                              check=False)
        return json.loads(done.stdout)

    def expect(self, good, what):
        print(f"  {'passed' if good else 'FAILED'}: {what}")
        self.failures += not good

    def repair(self, original, copy):
        """Patch, patch again, revert."""
        done = self.run("patch", copy, "--any-dll")
        if done["action"] == "refused":
            print(f"  refused: {done['error']}")
            return
        self.expect(done["action"] == "patched" and
                    done["fixed_by"] == "detachfix", "the patch repairs it")
        patched = copy.read_bytes()
        self.expect(same_outside(original, patched, done["edits"]),
                    "bytes outside of the edits are as they were")
        pe = pefile.PE(data=patched, fast_load=True)
        self.expect(pe.OPTIONAL_HEADER.CheckSum == pe.generate_checksum(),
                    "pefile finds the CheckSum right")
        self.run("patch", copy, "--any-dll")
        self.expect(copy.read_bytes() == patched,
                    "a second patch changes nothing")
        self.run("revert", copy)
        self.expect(copy.read_bytes() == original,
                    "revert gives back every bit")

    def prove(self, path):
        """Gives the report of the file, or None when it is no PE file."""
        original = path.read_bytes()
        copy = self.folder / "file.dll"
        shutil.copyfile(path, copy)
        copy.chmod(0o644)
        file = self.run("verify", copy)
        if file["action"] == "failed":
            print(f"{path.name}: {file['error']}")
            return None
        digest = hashlib.sha256(original).hexdigest()
        print(f"{digest} ({path.name})")
        print(f"  {file['verdict']}: {file['because']}")
        self.expect(file["sha256"] == digest, "its SHA-256 is Python's too")
        if file["verdict"] == "leaks":
            self.repair(original, copy)
        else:
            self.run("patch", copy, "--any-dll")
            self.expect(copy.read_bytes() == original,
                        "a patch leaves it alone")
        return file


def same_outside(original, patched, edits):
    expected = bytearray(original)
    for edit in edits:
        before, after = (bytes.fromhex(edit[k]) for k in ("before", "after"))
        end = edit["offset"] + len(before)
        if bytes(expected[edit["offset"]:end]) != before:
            return False
        expected[edit["offset"]:end] = after
    return bytes(expected) == patched


def print_rows(files):
    print("\nrows:")
    for path, file in files:
        signature = file["signature"]
        for row in (signature or {"candidates": []})["candidates"]:
            word = ("confirms" if signature["match"] in ("exact", "rebased")
                    else "may be")
            print(f"  {path.name} {word} {row['id']} ({signature['match']}, "
                  f"by {', '.join(row['agrees'])})")
        if not signature or signature["match"] not in ("exact", "rebased"):
            print(f"  {path.name} has no row yet:\n    detachfix signatures "
                  f"learn --level LEVEL --confirmed-by NAME '{path}'")
    print("Send the row that this prints, never the file: "
          "docs/signatures.md")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--detachfix", required=True)
    parser.add_argument("originals", type=Path)
    arguments = parser.parse_args()
    if not arguments.originals.is_dir():
        raise SystemExit(f"originals: {arguments.originals} is no folder")
    files = []
    with tempfile.TemporaryDirectory(prefix="originals-") as folder:
        proof = Proof(arguments.detachfix, Path(folder))
        for path in sorted(p for p in arguments.originals.rglob("*")
                           if p.is_file() and not p.is_symlink()):
            file = proof.prove(path)
            if file:
                files.append((path, file))
    if not files:
        raise SystemExit("originals: no PE file in it, nothing is proven")
    print_rows(files)
    print(f"{len(files)} files, {proof.failures} failed")
    return 1 if proof.failures else 0


if __name__ == "__main__":
    sys.exit(main())

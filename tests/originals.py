#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The proof on genuine files that the tester holds: tests/run --originals DIR

originals.py --detachfix FILE --i386 COMMAND --alpha COMMAND DIR

Every PE file in DIR is known by its SHA-256 alone. Of each: the verdict and the
rows that it may be; that a patch repairs what leaks and touches nothing else,
that a second one changes nothing, that another hand's reader finds the CheckSum
right, and that revert gives back every bit. DIR is only read. At the end stands
what the files confirm, and the template of a row for each that no row has.

Then the file is executed, before and after its repair, in a process of the
tests' own (COMMAND, which takes `--one BEFORE [AFTER]`: the emulator for i386,
qemu-alpha for Alpha): loaded, attached, detached, unloaded, at other bases, with
threads, at process exit. Both must do the same, but for the deletions. Imports
answer as their models do, others with success, and pop what mingw-w64's
libraries say; what calls a function of which that is not known cannot be
executed, and that is said.
"""

import argparse
import hashlib
import json
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import pefile


class Proof:
    def __init__(self, arguments, folder):
        self.detachfix = arguments.detachfix
        self.executors = {"i386": shlex.split(arguments.i386),
                          "alpha": shlex.split(arguments.alpha)}
        self.folder = folder
        self.failures = 0
        self.not_run = 0

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
            return None
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
        return patched

    def execute(self, file, original, patched):
        """The proof by execution, and whether it agrees with the verdict."""
        before, after = self.folder / "before.dll", self.folder / "after.dll"
        before.write_bytes(original)
        paths = [before]
        if patched:
            after.write_bytes(patched)
            paths.append(after)
        done = subprocess.run([*self.executors[file["machine"]], "--one",
                               *paths], stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, text=True, check=False)
        seen = Execution(done.stdout)
        if seen.obstacle:
            print(f"  not run: {seen.obstacle}")
            self.not_run += 1
            return
        for scenario, why in seen.not_run.items():
            print(f"  not run, '{scenario}': {why}")
        leaked = [s["rva"] for s in file["critical_sections"]
                  if s["deleted_at"] is None]
        if file["verdict"] != "unknown":
            self.expect(seen.leaked == leaked,
                        "execution leaves the same sections behind")
        if patched:
            for failure in seen.failures:
                print(f"    {failure}")
            self.expect(done.returncode in (0, 1) and not seen.failures,
                        f"executed before and after, {len(seen.played)} "
                        "scenarios: the same but for the deletions")

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
        patched = None
        if file["verdict"] == "leaks":
            patched = self.repair(original, copy)
        else:
            self.run("patch", copy, "--any-dll")
            self.expect(copy.read_bytes() == original,
                        "a patch leaves it alone")
        if file["machine"] in self.executors:
            self.execute(file, original, patched)
        else:
            print(f"  not run: machine {file['machine']}")
            self.not_run += 1
        return file


class Execution:
    """What `--one` printed: a scenario counts when the file before its repair
    ran through it; otherwise it says nothing about the repair."""

    def __init__(self, text):
        self.played = sorted(set(re.findall(r"^(.+): before$", text, re.M)))
        self.not_run, self.failures = {}, []
        for scenario, failure in re.findall(r"^failure: (.+?): (.*)$", text,
                                            re.M):
            if not failure.startswith("after: "):
                self.not_run.setdefault(scenario, failure)
        for scenario, failure in re.findall(r"^failure: (.+?): after: (.*)$",
                                            text, re.M):
            if scenario not in self.not_run:
                self.failures.append(f"{scenario}: {failure}")
        self.played = [s for s in self.played if s not in self.not_run]
        self.leaked = [int(rva, 16) for rva in re.findall(
            r"^  image\+0x([0-9a-f]+)$", text.partition(
                "\nexecution says of the first file")[2], re.M)]
        self.obstacle = self._obstacle(text)

    def _obstacle(self, text):
        """Why the load and the unload, without which nothing is proven, were
        not seen; None when they were."""
        if "free" not in self.played:
            return self.not_run.get("free") or text.strip()[-200:]
        attach = re.search(r"^free: before\n(?:  (?!attach).*\n)*"
                           r"  attach returns (\S+)", text, re.M)
        if attach and int(attach[1], 16) == 0:
            return "attach fails with the answers that imports give here"
        return None


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
    parser.add_argument("--i386", required=True, metavar="COMMAND")
    parser.add_argument("--alpha", required=True, metavar="COMMAND")
    parser.add_argument("originals", type=Path)
    arguments = parser.parse_args()
    if not arguments.originals.is_dir():
        raise SystemExit(f"originals: {arguments.originals} is no folder")
    files = []
    with tempfile.TemporaryDirectory(prefix="originals-") as folder:
        proof = Proof(arguments, Path(folder))
        for path in sorted(p for p in arguments.originals.rglob("*")
                           if p.is_file() and not p.is_symlink()):
            file = proof.prove(path)
            if file:
                files.append((path, file))
    if not files:
        raise SystemExit("originals: no PE file in it, nothing is proven")
    print_rows(files)
    print(f"{len(files)} files, {proof.failures} failed, "
          f"{proof.not_run} not run")
    return 1 if proof.failures else 0


if __name__ == "__main__":
    sys.exit(main())

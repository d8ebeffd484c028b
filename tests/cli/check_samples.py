#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Every sample through every command, held against the manifest.

check_samples.py --detachfix FILE --samples FOLDER

The manifest has the truth from the samples' sources. What is checked:
verify answers it; patch repairs exactly what leaks; a second patch changes no
byte; verify then says "fixed by detachfix"; pefile, another hand's reader, finds
the CheckSum right; revert gives back every original bit for bit.
"""
import argparse
import json
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import pefile

EXIT_STATUS = {"fixed": 0, "not-applicable": 0, "leaks": 1, "unknown": 2}


class Checker:
    def __init__(self, detachfix, folder):
        self.detachfix = detachfix
        self.folder = folder
        self.problems = []

    def expect(self, sample, what, seen, expected):
        if seen != expected:
            self.problems.append(f"{sample['name']}: {what} is {seen!r}, "
                                 f"expected {expected!r}")

    def run(self, samples, *words):
        """{sample name: its JSON object} of one command over all samples."""
        paths = [self.folder / sample["file"] for sample in samples]
        done = subprocess.run([self.detachfix, *words, "--jsonl", *paths],
                              stdout=subprocess.PIPE, check=False)
        objects = [json.loads(line) for line in done.stdout.splitlines()]
        assert len(objects) == len(samples), done
        assert done.returncode == max(o["exit_status"] for o in objects), words
        return {sample["name"]: file for sample, file in zip(samples, objects)}

    def contents(self, samples):
        return {sample["name"]: (self.folder / sample["file"]).read_bytes()
                for sample in samples}


def check_verdicts(checker, samples):
    seen = checker.run(samples, "verify")
    for sample in samples:
        file = seen[sample["name"]]
        checker.expect(sample, "verdict", file["verdict"], sample["verdict"])
        checker.expect(sample, "fixed_by", file["fixed_by"],
                       sample["fixed_by"])
        checker.expect(sample, "target", file["target"], sample["identity"])
        checker.expect(sample, "sha256", file["sha256"], sample["sha256"])
        checker.expect(sample, "status", file["exit_status"],
                       EXIT_STATUS[sample["verdict"]])
        if sample["verdict"] not in ("leaks", "fixed"):
            continue
        sections = {s["rva"]: s["leaked"] for s in file["critical_sections"]}
        truth = {s["rva"]: s["leaked"] for s in sample["critical_sections"]}
        checker.expect(sample, "critical sections", sections, truth)


def check_patch(checker, samples, originals):
    actions = {"leaks": "patched", "unknown": "refused"}
    seen = checker.run(samples, "patch", "--any-dll", "--allow-signed")
    patched = checker.contents(samples)
    for sample in samples:
        name = sample["name"]
        action = actions.get(sample["verdict"], "none")
        checker.expect(sample, "action", seen[name]["action"], action)
        checker.expect(sample, "changed", patched[name] != originals[name],
                       action == "patched")
        if action == "patched":
            checker.expect(sample, "fixed_by", seen[name]["fixed_by"],
                           "detachfix")
            pe = pefile.PE(data=patched[name], fast_load=True)
            checker.expect(sample, "CheckSum", pe.OPTIONAL_HEADER.CheckSum,
                           pe.generate_checksum())
    return patched


def check_again(checker, samples, patched):
    """A second patch changes nothing; verify knows who fixed it."""
    checker.run(samples, "patch", "--any-dll", "--allow-signed")
    seen = checker.run(samples, "verify")
    now = checker.contents(samples)
    for sample in samples:
        checker.expect(sample, "unchanged by a second patch",
                       now[sample["name"]] == patched[sample["name"]], True)
        if sample["verdict"] != "leaks":
            continue
        file = seen[sample["name"]]
        checker.expect(sample, "verdict after patch",
                       (file["verdict"], file["fixed_by"]),
                       ("fixed", "detachfix"))
        checker.expect(sample, "critical sections after patch",
                       [s["leaked"] for s in file["critical_sections"]
                        if s["leaked"]], [])


def check_revert(checker, samples, originals):
    seen = checker.run(samples, "revert")
    now = checker.contents(samples)
    for sample in samples:
        name = sample["name"]
        checker.expect(sample, "revert", seen[name]["action"],
                       "reverted" if sample["verdict"] == "leaks"
                       else "refused")
        checker.expect(sample, "original again", now[name] == originals[name],
                       True)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--detachfix", required=True)
    parser.add_argument("--samples", required=True, type=Path)
    arguments = parser.parse_args()
    manifest = json.loads((arguments.samples / "manifest.json").read_text())
    samples = manifest["samples"]
    for machine in ("i386", "alpha"):
        count = sum(s["machine"] == machine for s in samples)
        assert count > 100, (machine, count)

    with tempfile.TemporaryDirectory(prefix="samples-") as name:
        checker = Checker(arguments.detachfix, Path(name))
        for sample in samples:
            shutil.copyfile(arguments.samples / sample["file"],
                            checker.folder / sample["file"])
        originals = checker.contents(samples)
        check_verdicts(checker, samples)
        patched = check_patch(checker, samples, originals)
        check_again(checker, samples, patched)
        check_revert(checker, samples, originals)
    for problem in checker.problems:
        print(problem)
    print(f"{len(samples)} samples, {len(checker.problems)} problems")
    return 1 if checker.problems else 0


if __name__ == "__main__":
    sys.exit(main())

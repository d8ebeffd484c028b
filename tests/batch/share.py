# SPDX-License-Identifier: Apache-2.0
"""A share with leaking, fixed and broken files, and runs of detachfix on it."""

import argparse
import hashlib
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import traceback

LEAKING = "nt4-sp3-dec-jz.dll"
OTHER_LEAKING = "nt4-sp5-work.dll"
FIXED = "nt4-sp6a-work-fixed.dll"
TEMPORARY = re.compile(r"\.detachfix-\d+-\d+$")
SKIPPED = 77


class Skip(Exception):
    """The machine lacks what the case needs. The text says what."""


def check(condition, message):
    if not condition:
        raise AssertionError(message)


def equal(found, expected):
    check(found == expected, f"found\n  {found!r}\nexpected\n  {expected!r}")


def sha256(data):
    return hashlib.sha256(data).hexdigest()


class Share:
    """A folder tree in a folder of its own, gone at the end of the `with`."""

    def __init__(self, detachfix, samples):
        self.detachfix = str(detachfix)
        self.samples = pathlib.Path(samples)

    def __enter__(self):
        self.top = pathlib.Path(tempfile.mkdtemp(prefix="detachfix-batch-"))
        self.root = self.top / "share"
        self.root.mkdir()
        self.ledger = self.top / "ledger.sqlite"
        return self

    def __exit__(self, *_):
        shutil.rmtree(self.top)

    def sample(self, name):
        return (self.samples / name).read_bytes()

    def put(self, path, data):
        path = self.root / path
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
        return path

    def leaking(self, count):
        """So many leaking files in a folder each; their paths, sorted."""
        names = [LEAKING, OTHER_LEAKING]
        return [self.put(f"image{i:03}/system32/Security.dll",
                         self.sample(names[i % 2])) for i in range(count)]

    def hashes(self):
        """Of every file below the root, by path."""
        return {str(path.relative_to(self.root)): sha256(path.read_bytes())
                for path in sorted(self.root.rglob("*"))
                if path.is_file() and not path.is_symlink()}

    def litter(self):
        return [path for path in self.hashes() if TEMPORARY.search(path)]

    def new(self, data):
        """The patched form of a leaking file, made apart from the share."""
        with tempfile.TemporaryDirectory() as calm:
            path = pathlib.Path(calm) / "Security.dll"
            path.write_bytes(data)
            equal(self.run("patch", path).returncode, 0)
            return path.read_bytes()

    def line(self, *words):
        return [self.detachfix, *map(str, words)]

    def run(self, *words, prefix=(), stdin=None):
        environment = {**os.environ, "ASAN_OPTIONS": "detect_leaks=0"}
        return subprocess.run([*map(str, prefix), *self.line(*words)],
                              capture_output=True, text=True, input=stdin,
                              errors="backslashreplace",
                              env=environment, timeout=300)

    def batch(self, *words, prefix=(), status=None):
        """`batch` on the root unless `words` say otherwise."""
        where = () if "--resume" in words or any(
            str(word).startswith("--files-from") for word in words) else (
                self.root,)
        done = self.run("batch", "--ledger", self.ledger, *words, *where,
                        prefix=prefix)
        if status is not None:
            check(done.returncode == status,
                  f"status {done.returncode}, expected {status}:\n"
                  f"{done.stdout}{done.stderr}")
        return done

    def items(self, *words, status=None):
        """The objects of `batch --jsonl`, by path below the root."""
        done = self.batch("--jsonl", *words, status=status)
        found = {}
        for line in done.stdout.splitlines():
            item = json.loads(line)
            path = os.path.relpath(item["path"], self.root)
            check(path not in found, f"{path} came twice")
            found[path] = item
        return found

    def runs(self):
        """The ids of the runs in the ledger, the newest first."""
        done = self.run("history", "--ledger", self.ledger)
        equal(done.returncode, 0)
        return [line.split()[0] for line in done.stdout.splitlines()
                if not line.startswith(" ")]

    def revert(self, run, *words, status=0):
        done = self.run("revert", "--ledger", self.ledger, "--run", run,
                        *words)
        check(done.returncode == status,
              f"status {done.returncode}:\n{done.stdout}{done.stderr}")
        return done


def main(cases):
    """Runs the case that the command line names; `list` names them all."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--detachfix")
    parser.add_argument("--samples")
    parser.add_argument("case")
    arguments = parser.parse_args()
    if arguments.case == "list":
        print("\n".join(cases))
        return 0
    try:
        with Share(arguments.detachfix, arguments.samples) as share:
            cases[arguments.case](share)
    except Skip as reason:
        print(f"skipped: {reason}")
        return SKIPPED
    except AssertionError:
        traceback.print_exc(file=sys.stdout)
        return 1
    return 0

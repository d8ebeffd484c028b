# SPDX-License-Identifier: Apache-2.0
"""A share with leaking, fixed and broken files, and runs of detachfix on it."""

import json
import os
import pathlib
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))

import trial
from trial import (Skip, TEMPORARY, Trial, check, equal, most_calls, sha256,
                   steps, strace)

LEAKING = "nt4-sp3-dec-jz.dll"
OTHER_LEAKING = "nt4-sp5-work.dll"
FIXED = "nt4-sp6a-work-fixed.dll"
NOT_APPLICABLE = "c-no-section-O2.dll"


class Share(Trial):
    """A folder tree `root` in `top`, and a ledger beside it."""

    def fill_top(self):
        self.root = self.top / "share"
        self.root.mkdir()
        self.ledger = self.top / "ledger.sqlite"

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
        return [path for path in self.hashes()
                if TEMPORARY.match(pathlib.Path(path).name)]

    def batch(self, *words, prefix=(), status=None, root=None, cwd=None):
        """`batch` on the root unless `words` say otherwise."""
        where = () if any(
            str(word).startswith(("--resume", "--files-from"))
            for word in words) else (root or self.root,)
        done = self.run("batch", "--ledger", self.ledger, *words, *where,
                        prefix=prefix, cwd=cwd)
        if status is not None:
            check(done.returncode == status,
                  f"status {done.returncode}, expected {status}:\n"
                  f"{done.stdout}{done.stderr}")
        return done

    def start(self, *words):
        """`batch --apply` that takes a while, once its first file is done."""
        process = subprocess.Popen(
            self.line("batch", "--ledger", self.ledger, "--apply", "--throttle",
                      20, *words, self.root),
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        process.stdout.readline()
        return process

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

    def revert(self, run, *words, status=0, cwd=None):
        done = self.run("revert", "--ledger", self.ledger, "--run", run,
                        *words, cwd=cwd)
        check(done.returncode == status,
              f"status {done.returncode}:\n{done.stdout}{done.stderr}")
        return done


def nothing_goes_on(done):
    """Whether a `batch --resume` found that the killed run was never noted."""
    return ("every run in this ledger has finished" in done.stderr
            or "there is no ledger" in done.stderr)


def main(cases):
    return trial.main(cases, Share)

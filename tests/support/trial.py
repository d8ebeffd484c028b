# SPDX-License-Identifier: Apache-2.0
"""What test programs that run detachfix on files of their own share: a folder,
runs in it, checks, and the choice of a case by its name."""

import argparse
import hashlib
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import traceback

# What Files::CreateBeside names its temporary files, without the folder.
TEMPORARY = re.compile(r"^\..*\.detachfix-\d+-\d+$")
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


def strace(*options, output="/dev/null"):
    """The beginning of a command line that traces the rest."""
    if not shutil.which("strace"):
        raise Skip("strace is not installed")
    return ["strace", "-f", "-qq", "-o", str(output), *map(str, options)]


def most_calls(log):
    """From what strace wrote: of each kind of system call how many one thread
    made at most, which is what its "when=" counts; sorted by kind."""
    counts = {}
    for line in log.read_text().splitlines():
        match = re.match(r"(\d+) +(\w+)\(", line)
        if match:
            counts[match.groups()] = counts.get(match.groups(), 0) + 1
    most = {}
    for (_, kind), count in counts.items():
        most[kind] = max(most.get(kind, 0), count)
    return sorted(most.items())


def steps(count, most):
    """At most `most` numbers from 1 to `count`, the first and last ones
    among them; with EVERY_CALL=1 in the environment all of them, which takes
    minutes."""
    if count <= most or os.environ.get("EVERY_CALL") == "1":
        return range(1, count + 1)
    return sorted({1 + (count - 1) * i // (most - 1) for i in range(most)})


class Trial:
    """A folder `top` of one's own, gone at the end of the `with`."""

    def __init__(self, detachfix, samples):
        self.detachfix = str(pathlib.Path(detachfix).resolve())
        self.samples = pathlib.Path(samples)

    def __enter__(self):
        self.top = pathlib.Path(tempfile.mkdtemp(prefix="detachfix-trial-"))
        self.fill_top()
        return self

    def __exit__(self, *_):
        shutil.rmtree(self.top)

    def fill_top(self):
        """What every case begins with."""

    def sample(self, name):
        return (self.samples / name).read_bytes()

    def line(self, *words):
        return [self.detachfix, *map(str, words)]

    def run(self, *words, prefix=(), stdin=None, cwd=None):
        """detachfix with `words`; `prefix` is what starts it (strace …)."""
        # LeakSanitizer cannot work in a process that strace holds.
        environment = {**os.environ, "ASAN_OPTIONS": "detect_leaks=0"}
        return subprocess.run([*map(str, prefix), *self.line(*words)],
                              capture_output=True, text=True, input=stdin,
                              errors="backslashreplace", env=environment,
                              timeout=300, cwd=cwd)

    def new(self, data):
        """The patched form of a leaking file, made where nothing fails."""
        with tempfile.TemporaryDirectory() as calm:
            path = pathlib.Path(calm) / "Security.dll"
            path.write_bytes(data)
            equal(self.run("patch", path).returncode, 0)
            return path.read_bytes()


def main(cases, trial):
    """Runs the case that the command line names in a `trial`, a kind of Trial;
    `list` names them all."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--detachfix")
    parser.add_argument("--samples")
    parser.add_argument("case", choices=["list", *cases])
    arguments = parser.parse_args()
    if arguments.case == "list":
        print("\n".join(cases))
        return 0
    try:
        with trial(arguments.detachfix, arguments.samples) as made:
            cases[arguments.case](made)
    except Skip as reason:
        print(f"skipped: {reason}")
        return SKIPPED
    except AssertionError:
        traceback.print_exc(file=sys.stdout)
        return 1
    return 0

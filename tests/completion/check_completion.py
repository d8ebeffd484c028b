#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Completions and the man page against the program's own help, and completed
lines in real shells:

check_completion.py --detachfix FILE --samples FOLDER CASE

CASE is bash, zsh, fish (each really run), or manual.
"""
import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
TOP = HERE.parent.parent
COMPLETIONS = TOP / "patcher" / "completions"
MANUAL = TOP / "docs" / "detachfix.1"
SHELLS = {
    "bash": ["bash", "--norc", HERE / "complete.bash",
             COMPLETIONS / "detachfix.bash"],
    "fish": ["fish", "--no-config", HERE / "complete.fish",
             COMPLETIONS / "detachfix.fish"],
    "zsh": ["zsh", "-f", HERE / "complete.zsh", COMPLETIONS],
}
FILES = ["Security.dll", "SECURITY.DL_", "with space.dll", "notes.txt",
         "run.html", "LOG.JSONL", "rows.toml", "Setup.log", "share/inner.dll"]
DLLS = {"Security.dll", "SECURITY.DL_", "with space.dll", "share"}


class Place:
    """A folder with files and a ledger with one run, and the program in it."""

    def __init__(self, folder, detachfix, samples):
        self.folder = folder / "work"
        programs = folder / "programs"
        programs.mkdir()
        self.folder.mkdir()
        (programs / "detachfix").symlink_to(Path(detachfix).resolve())
        for name in FILES:
            (self.folder / name).parent.mkdir(exist_ok=True)
            (self.folder / name).touch()
        shutil.copy(next(Path(samples).glob("*.dll")),
                    self.folder / "Security.dll")
        self.environment = {
            "PATH": f"{programs}:{os.environ['PATH']}", "HOME": str(folder),
            "LC_ALL": "C.UTF-8", "TERM": "dumb",
            "ASAN_OPTIONS": "detect_leaks=0"}
        self.run("detachfix", "batch", ".")
        self.run("detachfix", "batch", "--ledger", "other.sqlite", ".")

    def run(self, *words):
        done = subprocess.run(
            [str(word) for word in words], cwd=self.folder, text=True,
            env=self.environment, stdin=subprocess.DEVNULL,
            capture_output=True, timeout=120, check=False)
        return done.stdout

    def help_of(self, command):
        return self.run("detachfix", *command.split(), "--help")

    def commands(self):
        listed = re.search(r"^commands:\n(.*?)\n\n", self.help_of(""),
                           re.M | re.S)[1]
        return [line[2:22].strip() for line in listed.splitlines()]

    def options(self, command):
        """Every spelling of the options that the help of a command names."""
        spelled = re.findall(r"^  ((?:-\w,)?--[\w-]+)", self.help_of(command),
                             re.M)
        return {name for names in spelled for name in names.split(",")}

    def complete(self, shell, line):
        """What the shell offers, without descriptions, '/' and '--option='."""
        out = self.run(*SHELLS[shell], line)
        offered = {text.split("\t")[0].replace("\\ ", " ").rstrip("/")
                   for text in out.splitlines()}
        return {re.sub(r"^--[\w-]+=", "", text) or text
                for text in offered if text} - {""}


def equal(what, found, expected, failures):
    if found != expected:
        failures.append(f"{what}: missing {sorted(expected - found)}, "
                        f"not to be there {sorted(found - expected)}")


def lines_to_complete(place):
    """A line, and what is to be offered at its end."""
    commands = place.commands()
    runs = {line.split()[0]
            for line in place.run("detachfix", "history").splitlines()
            if line[:1].isdigit()}
    others = {line.split()[0] for line in place.run(
        "detachfix", "history", "--ledger", "other.sqlite").splitlines()
        if line[:1].isdigit()}
    assert len(runs) == 1 and len(others) == 1 and runs != others
    rows = {line.split()[0] for line in
            place.run("detachfix", "signatures", "list").splitlines()}
    reports = {"run.html", "LOG.JSONL", "share"}
    return {
        "": {command.split()[0] for command in commands},
        "si": {"signatures"},
        "signatures ": {command.split()[1] for command in commands
                        if command.startswith("signatures ")},
        "report ": {"merge"},
        "verify ": DLLS,
        "verify --json Sec": {"Security.dll"},
        "verify -- ": DLLS,
        "batch --report ": reports,
        "batch --report=": reports,
        "report merge ": reports,
        "verify --signatures ": {"share"},
        "patch --require-signature=": {"exact", "rebased", "pattern"},
        "patch --require-signature ": DLLS,
        "revert --run ": runs,
        "history ": runs,
        "history --ledger other.sqlite ": others,
        "batch --ledger o": {"other.sqlite"},
        "signatures learn --crypto ": {"40", "56", "128"},
        "signatures learn --product ": {"nt4", "nt4-tse"},
        "signatures learn --from-setup-log ": {"Setup.log", "share"},
        "signatures learn --into ": {"rows.toml", "share"},
        "signatures show security-i386-nt4-sp5": {
            row for row in rows if row.startswith("security-i386-nt4-sp5")},
        "frobnicate --": set(),
    }


def check_shell(shell, place):
    failures = []
    for command in place.commands():
        found = place.complete(shell, f"detachfix {command} --")
        expected = {name for name in place.options(command)
                    if name.startswith("--")}
        equal(f"{command} --", found, expected, failures)
    for line, expected in lines_to_complete(place).items():
        found = place.complete(shell, f"detachfix {line}")
        if not line:
            found -= {"-h", "--help", "--version"}
        equal(f"'detachfix {line}'", found, expected, failures)
    return failures


def manual_options(text):
    """The options that each command's part of the man page lists."""
    parts = re.split(r"^\.Ss detachfix (.*)$", text.split("\n.Sh ENV")[0],
                     flags=re.M)
    listed = {}
    for command, part in zip(parts[1::2], parts[2::2]):
        items = re.findall(r"^\.It (Fl .*)$", part, re.M)
        listed[command] = {f"-{name}" for item in items
                           for name in re.findall(r"Fl ([\w-]+)", item)}
    return listed


def variables_read():
    """What the program asks of its environment that not every program does."""
    return {name for source in (TOP / "patcher").rglob("*.cc")
            for name in re.findall(r'getenv\("(\w+)"\)', source.read_text())
            } - {"HOME", "TERM"}


def check_manual(place):
    failures = []
    text = MANUAL.read_text(encoding="utf-8")
    listed = manual_options(text)
    equal("environment", set(re.findall(r"^\.It Ev (\w+)$", text, re.M)),
          variables_read(), failures)
    equal("commands", set(listed), set(place.commands()), failures)
    for command in place.commands():
        equal(command, listed.get(command, set()) | {"-h", "--help"},
              place.options(command), failures)
    lints = (["mandoc", "-Tlint", "-Wwarning", MANUAL],
             ["groff", "-mdoc", "-ww", "-z", "-Tutf8", MANUAL],
             ["man", "--warnings", "-l", MANUAL])
    for lint in lints:
        done = subprocess.run(lint, capture_output=True, text=True, check=False,
                              env={**os.environ, "MANPAGER": "cat"})
        said = done.stderr + (done.stdout if "-Tlint" in lint else "")
        if done.returncode != 0 or said:
            failures.append(f"{lint[0]}: {said}")
    return failures


def main():
    parser = argparse.ArgumentParser(usage=__doc__)
    parser.add_argument("--detachfix", required=True)
    parser.add_argument("--samples", required=True)
    parser.add_argument("case", choices=[*SHELLS, "manual"])
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="completion-") as folder:
        place = Place(Path(folder), arguments.detachfix, arguments.samples)
        failures = (check_manual(place) if arguments.case == "manual"
                    else check_shell(arguments.case, place))
    print("\n".join(failures))
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())

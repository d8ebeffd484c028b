#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Runs a golden file: commands with the output and exit status they must have.

run_golden.py --detachfix FILE --samples FOLDER GOLDEN

A golden file is made of comment lines (#) and of sections:

    --- setup         shell commands that prepare the folder; must succeed
    --- command       a shell command that is judged
    --- stdout        what it must print; left out when that is nothing
    --- stderr        the same for standard error
    --- exit          its exit status; left out when that is 0

A Markdown file is a golden file too: "$ command" lines in its ```console blocks
are judged by the output under them, <!-- setup: command --> prepares.

Everything runs in one new folder, with the program as `detachfix` and the folder
of samples as $SAMPLES. UPDATE_GOLDEN=1 rewrites the file instead of judging.
"""
import argparse
import difflib
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

TIME_LIMIT = 120  # seconds for one command; a whole file takes a few


class Shell:
    """Runs commands in a folder of their own."""

    def __init__(self, folder, detachfix, samples):
        self.folder = folder
        programs = Path(folder) / ".programs"
        programs.mkdir()
        (programs / "detachfix").symlink_to(Path(detachfix).resolve())
        self.work = Path(folder) / "work"
        self.work.mkdir()
        self.environment = {
            "PATH": f"{programs}:{os.environ['PATH']}",
            "SAMPLES": str(Path(samples).resolve()),
            "LC_ALL": "C.UTF-8",
            "TERM": "xterm",
            "HOME": str(self.work),
            # Leaks are not what these tests are about, and ptrace, which the
            # leak checker needs, is often forbidden.
            "ASAN_OPTIONS": "detect_leaks=0",
        }

    def run(self, command, merge=False):
        done = subprocess.run(
            ["/bin/bash", "-c", command], cwd=self.work, env=self.environment,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT if merge else subprocess.PIPE,
            timeout=TIME_LIMIT, check=False)
        texts = [readable(out) for out in (done.stdout, done.stderr or b"")]
        return texts[0], texts[1], done.returncode

    def prepare(self, command):
        out, err, status = self.run(command)
        if status != 0:
            raise SystemExit(f"setup failed ({status}): {command}\n{out}{err}")


def readable(output):
    """Bytes as text lines: what is not UTF-8 or ends no line is made visible."""
    text = output.decode("utf-8", "backslashreplace").replace("\x1b", "\\x1b")
    if text and not text.endswith("\n"):
        text += "\\ no end of line\n"
    return text


def run_sections(text, shell):
    """The golden file `text` with what its commands print now."""
    parts = re.split(r"^--- (\w+)\n", text, flags=re.M)
    result = parts[0]
    for name, body in zip(parts[1::2], parts[2::2]):
        if name == "setup":
            shell.prepare(body)
        elif name != "command":
            continue
        result += f"--- {name}\n{body}"
        if name == "command":
            out, err, status = shell.run(body)
            result += f"--- stdout\n{out}" if out else ""
            result += f"--- stderr\n{err}" if err else ""
            result += f"--- exit\n{status}\n" if status else ""
    return result


def run_console_block(block, shell):
    """A ```console block with what its "$ " lines print now."""
    result = ""
    for line in block.splitlines(keepends=True):
        if line.startswith("$ "):
            out, _, _ = shell.run(line[2:], merge=True)
            result += line + out
    return result


def run_markdown(text, shell):
    pattern = re.compile(
        r"<!-- setup: (?P<setup>.*?) -->|"
        r"(?P<open>^```console\n)(?P<block>.*?)(?P<close>^```$)",
        re.M | re.S)

    def replace(match):
        if match["setup"]:
            shell.prepare(match["setup"])
            return match[0]
        return (match["open"] + run_console_block(match["block"], shell) +
                match["close"])

    return pattern.sub(replace, text)


def main():
    parser = argparse.ArgumentParser(usage=__doc__)
    parser.add_argument("--detachfix", required=True)
    parser.add_argument("--samples", required=True)
    parser.add_argument("golden", type=Path)
    arguments = parser.parse_args()

    expected = arguments.golden.read_text(encoding="utf-8")
    is_markdown = arguments.golden.suffix == ".md"
    marker = "```console\n" if is_markdown else "--- command\n"
    if marker not in expected:
        raise SystemExit(f"{arguments.golden}: no command in it")
    with tempfile.TemporaryDirectory(prefix="golden-") as folder:
        shell = Shell(folder, arguments.detachfix, arguments.samples)
        run = run_markdown if is_markdown else run_sections
        actual = run(expected, shell)
    if actual == expected:
        return 0
    if os.environ.get("UPDATE_GOLDEN") == "1":
        arguments.golden.write_text(actual, encoding="utf-8")
        print(f"rewrote {arguments.golden}")
        return 0
    sys.stdout.writelines(difflib.unified_diff(
        expected.splitlines(keepends=True), actual.splitlines(keepends=True),
        str(arguments.golden), "now"))
    return 1


if __name__ == "__main__":
    sys.exit(main())

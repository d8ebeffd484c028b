#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""tests/originals.py with samples in the place of genuine files.

originals_test.py --detachfix FILE --samples FOLDER
"""

import argparse
import hashlib
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

HELD = ("nt4-sp5-switch.dll", "nt4-sp6a-56-fixed.dll", "nt4-sp3-helper.dll")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--detachfix", required=True)
    parser.add_argument("--samples", required=True, type=Path)
    arguments = parser.parse_args()
    script = Path(__file__).with_name("originals.py")

    def run(folder):
        return subprocess.run([script, "--detachfix", arguments.detachfix,
                               folder], text=True, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, check=False)

    with tempfile.TemporaryDirectory(prefix="originals-test-") as name:
        held = Path(name) / "held"
        (held / "i386").mkdir(parents=True)
        assert run(held).returncode != 0  # nothing proven is no success
        for dll in HELD:
            shutil.copyfile(arguments.samples / dll, held / "i386" / dll)
        (held / "readme.txt").write_text("not a PE file")
        before = {p: p.read_bytes() for p in held.rglob("*") if p.is_file()}
        done = run(held)
        print(done.stdout)
        assert done.returncode == 0, done.returncode
        assert "3 files, 0 failed" in done.stdout
        for dll in HELD:
            content = (held / "i386" / dll).read_bytes()
            assert hashlib.sha256(content).hexdigest() in done.stdout, dll
            assert f"{dll} has no row yet" in done.stdout, dll
        assert done.stdout.count("passed: revert gives back every bit") == 2
        assert ("nt4-sp5-switch.dll may be security-i386-nt4-sp5-40 "
                "(consistent, by size, window)") in done.stdout
        after = {p: p.read_bytes() for p in held.rglob("*") if p.is_file()}
        assert before == after
        # A program that does not repair is found out.
        liar = Path(name) / "liar"
        liar.write_text("#!/bin/sh\nif [ $1 = patch ]; then "
                        f"exec {arguments.detachfix} verify --jsonl \"$4\"; fi"
                        f"\nexec {arguments.detachfix} \"$@\"\n")
        liar.chmod(0o755)
        arguments.detachfix = liar
        assert run(held).returncode == 1
    return 0


if __name__ == "__main__":
    sys.exit(main())

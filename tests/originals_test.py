#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""tests/originals.py with samples in the place of genuine files.

originals_test.py --detachfix FILE --i386 COMMAND --alpha COMMAND
    --samples FOLDER
"""

import argparse
import hashlib
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import pefile

HELD = ("nt4-sp5-switch.dll", "nt4-sp6a-56-fixed.dll", "nt4-sp3-helper.dll",
        "alpha-nt4-helper.dll", "alpha-nt4-q238185-fixed.dll")


def import_of_nobody(content):
    """The sample with an import that no system has, called on attach."""
    pe = pefile.PE(data=content.replace(b"TlsAlloc\0", b"TlsAlloX\0"),
                   fast_load=True)
    pe.OPTIONAL_HEADER.CheckSum = pe.generate_checksum()
    return pe.write()


def wrong_repair(detachfix, folder):
    """A program that patches as detachfix does and then lets the DLL answer
    its callers another thing: everything but execution finds that in order."""
    wrong = folder / "wrong"
    wrong.write_text(f"""#!/usr/bin/python3
import json, subprocess, sys, pefile
done = subprocess.run([{str(detachfix)!r}, *sys.argv[1:]],
                      stdout=subprocess.PIPE, text=True, check=False)
if sys.argv[1] == "patch" and json.loads(done.stdout)["action"] == "patched":
    path = sys.argv[-1]
    data = bytearray(open(path, "rb").read())
    report = json.loads(done.stdout)
    for edit in report["edits"]:
        if edit["why"].startswith("stub: "):
            at = data.index(bytes.fromhex(edit["after"]), edit["offset"])
            size = len(edit["after"]) // 2
            # The stub's guard: a process exit deletes too.
            code = bytes(data[at:at + size]).replace(
                b"\\x83\\x7c\\x24\\x0c\\x00\\x74", b"\\x83\\x7c\\x24\\x0c\\x00\\x7f")
            assert code != bytes(data[at:at + size])
            data[at:at + size] = code
            edit["after"] = code.hex()
    pe = pefile.PE(data=bytes(data), fast_load=True)
    pe.OPTIONAL_HEADER.CheckSum = pe.generate_checksum()
    for edit in report["edits"]:
        if edit["why"].startswith("CheckSum"):
            edit["after"] = pe.OPTIONAL_HEADER.CheckSum.to_bytes(
                4, "little").hex()
    open(path, "wb").write(pe.write())
    done.stdout = json.dumps(report)
print(done.stdout, end="")
""")
    wrong.chmod(0o755)
    return wrong


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--detachfix", required=True)
    parser.add_argument("--i386", required=True)
    parser.add_argument("--alpha", required=True)
    parser.add_argument("--samples", required=True, type=Path)
    arguments = parser.parse_args()
    script = Path(__file__).with_name("originals.py")

    def run(folder):
        return subprocess.run([script, "--detachfix", arguments.detachfix,
                               "--i386", arguments.i386, "--alpha",
                               arguments.alpha, folder],
                              text=True, stdout=subprocess.PIPE,
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
        assert "5 files, 0 failed, 0 not run" in done.stdout
        for dll in HELD:
            content = (held / "i386" / dll).read_bytes()
            assert hashlib.sha256(content).hexdigest() in done.stdout, dll
            assert f"{dll} has no row yet" in done.stdout, dll
        assert done.stdout.count("passed: revert gives back every bit") == 3
        assert done.stdout.count("passed: execution leaves the same") == 5
        assert done.stdout.count("passed: executed before and after") == 3
        assert ("nt4-sp5-switch.dll may be security-i386-nt4-sp5-40 "
                "(consistent, by size, window)") in done.stdout
        after = {p: p.read_bytes() for p in held.rglob("*") if p.is_file()}
        assert before == after
        # What cannot be executed is said.
        odd = Path(name) / "odd"
        odd.mkdir()
        (odd / "odd.dll").write_bytes(import_of_nobody(
            (arguments.samples / "nt4-sp5-work.dll").read_bytes()))
        done = run(odd)
        print(done.stdout)
        assert done.returncode == 0
        assert "not run: calls kernel32.dll!TlsAlloX, whose " in done.stdout
        assert "1 files, 0 failed, 1 not run" in done.stdout
        # A repair that execution alone finds wrong.
        right = arguments.detachfix
        one = Path(name) / "one"
        one.mkdir()
        shutil.copyfile(arguments.samples / HELD[0], one / HELD[0])
        arguments.detachfix = wrong_repair(right, Path(name))
        done = run(one)
        print(done.stdout)
        assert done.returncode == 1
        assert "FAILED: executed before and after" in done.stdout
        assert "passed: bytes outside of the edits" in done.stdout
        arguments.detachfix = right
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

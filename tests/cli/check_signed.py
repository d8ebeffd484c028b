#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""A DLL with a real signature, judged by osslsigncode before and after.

check_signed.py --detachfix FILE --samples FOLDER

A key is made, a leaking sample signed with it. It is refused; patched with
--allow-signed, its certificate table is byte for byte where it was, and the
signature no longer fits; after revert it fits again.
"""
import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "samples"))
from maker import forced_build, pe_edit  # noqa: E402

SAMPLE = "c-switch-O2.dll"


def run(*command):
    done = subprocess.run(list(map(str, command)), text=True,
                          stdin=subprocess.DEVNULL, capture_output=True,
                          check=False)
    return done.returncode, done.stdout + done.stderr


def must(*command):
    status, text = run(*command)
    assert status == 0, (command, text)


def sign(path, signed, scratch):
    key, certificate = scratch / "key.pem", scratch / "certificate.pem"
    must("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days",
         "30", "-subj", "/CN=detachfix test", "-keyout", key, "-out",
         certificate)
    must("osslsigncode", "sign", "-certs", certificate, "-key", key, "-h",
         "sha256", "-in", path, "-out", signed)


def digests(path):
    """The digest that was signed, and the one that the file has now, as
    osslsigncode prints them."""
    _, text = run("osslsigncode", "verify", "-in", path)
    def named(label):
        return [line.split(":")[1].split()[0] for line in text.splitlines()
                if line.strip().startswith(label)]
    found = named("Current message digest"), named("Calculated message digest")
    assert found[0] and found[1], text
    return found


def certificate_table(path):
    image = pe_edit.Image(path.read_bytes())
    start, size = image.directory(forced_build.CERTIFICATE)
    return start, bytes(image.data[start:start + size])


def check(detachfix, signed):
    original, table = signed.read_bytes(), certificate_table(signed)
    before = digests(signed)
    assert before[0] == before[1], before
    assert table[0] + len(table[1]) == len(original), "not at the end"

    status, text = run(detachfix, "patch", "--any-dll", signed)
    assert status == 2 and "the file is signed" in text, text
    assert signed.read_bytes() == original

    status, text = run(detachfix, "patch", "--any-dll", "--allow-signed",
                       "--json", signed)
    assert status == 0, text
    notes = json.loads(text)["files"][0]["notes"]
    assert any("signature invalid" in note for note in notes), notes
    assert certificate_table(signed) == table
    after = digests(signed)
    assert after[0] == before[0] and after[1] != before[1], after

    must(detachfix, "revert", signed)
    assert signed.read_bytes() == original
    assert digests(signed) == before


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--detachfix", required=True)
    parser.add_argument("--samples", required=True, type=Path)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="signed-") as name:
        scratch = Path(name)
        signed = scratch / "signed.dll"
        sign(arguments.samples / SAMPLE, signed, scratch)
        check(arguments.detachfix, signed)
    print("signed: refused, patched with --allow-signed, reverted")
    return 0


if __name__ == "__main__":
    sys.exit(main())

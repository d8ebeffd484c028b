#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Compares PeChecksum with pefile's generate_checksum().

usage: compare_with_pefile.py PRINT_CHECKSUMS

The files: what the tests' builder makes, and the DLLs that come with mingw.
"""
import glob
import subprocess
import sys
import tempfile

import pefile

MINGW = ["/usr/i686-w64-mingw32/lib/*.dll",
         "/usr/lib/gcc/i686-w64-mingw32/*-win32/lib[agoqs]*.dll"]
MOST_BYTES = 2_000_000  # pefile adds up some 2 MB a second


def mingw_dlls():
    paths = [path for pattern in MINGW for path in sorted(glob.glob(pattern))]
    return [p for p in paths if len(open(p, "rb").read()) <= MOST_BYTES]


def main():
    dlls = mingw_dlls()
    if not dlls:
        sys.exit("no mingw DLL found: install gcc-mingw-w64-i686-win32")
    with tempfile.TemporaryDirectory() as folder:
        lines = subprocess.run([sys.argv[1], "--build", folder, *dlls],
                               check=True, capture_output=True,
                               text=True).stdout.splitlines()
        wrong = 0
        for line in lines:
            ours, path = line.split(" ", 1)
            theirs = pefile.PE(path, fast_load=True).generate_checksum()
            if int(ours, 16) != theirs:
                print(f"{path}: ours {ours}, pefile's {theirs:08x}")
                wrong += 1
    print(f"{len(lines)} files compared, {wrong} differ")
    sys.exit(1 if wrong or len(lines) <= len(dlls) else 0)


if __name__ == "__main__":
    main()

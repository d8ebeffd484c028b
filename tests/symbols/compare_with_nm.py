#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Symbol tables that GNU ld wrote, held against nm.

compare_with_nm.py --print-symbols FILE --samples-source FOLDER

DLLs are built from the samples' C sources with their symbols, the COFF symbol
table is cut out of each, byte for byte, and put behind the headers of a .dbg
file, and strip takes it out of the image, as SPLITSYM does. The names and
addresses that are then read must be those that nm prints of the DLL before.
"""

import argparse
import re
import struct
import subprocess
import sys
import tempfile
from pathlib import Path

PREFIX = "i686-w64-mingw32-"
# Places of code and data, global and local.
KINDS = "TtDdBbRrIiNn"
# A section's own row, and the bounds of a section that is empty, which ld puts
# far behind another one.
NO_PLACE = re.compile(r"\.|_*(RUNTIME_PSEUDO_RELOC_LIST|rt_psrelocs)")


def run(*command):
    return subprocess.run(list(map(str, command)), check=True, text=True,
                          stdout=subprocess.PIPE).stdout


def build(sample, folder):
    """The DLL of one of the C samples, with its symbols."""
    dll = folder / f"{sample.name}.dll"
    flags = [flag for flag in sample.flags() if flag != "-s"]
    run(PREFIX + "gcc", *flags, "-o", dll, sample.source(), "-lkernel32",
        "-lntdll")
    return dll


def symbol_table(content):
    """Number of symbols, and the table with the names behind it."""
    header = struct.unpack_from("<I", content, 0x3c)[0] + 4
    at, count = struct.unpack_from("<II", content, header + 8)
    names = at + 18 * count
    size, = struct.unpack_from("<I", content, names)
    return count, content[at:names + size]


def compare(print_symbols, dbg_file, dll):
    """Gives the number of symbols, and what differs."""
    count, table = symbol_table(dll.read_bytes())
    stripped = dll.with_name("stripped.dll")
    run(PREFIX + "strip", "-o", stripped, dll)
    dbg = dll.with_suffix(".dbg")
    dbg.write_bytes(dbg_file.write(stripped.read_bytes(), [
        (dbg_file.COFF, struct.pack("<8I", count, 32, *6 * [0]) + table)]))
    seen = {}
    for line in run(print_symbols, stripped, dbg).splitlines():
        rva, _, name = line.split(" ", 2)
        seen[int(rva, 16)] = name
    image = stripped.read_bytes()
    header, = struct.unpack_from("<I", image, 0x3c)
    base, = struct.unpack_from("<I", image, header + 24 + 28)
    expected = {}
    for line in run(PREFIX + "nm", dll).splitlines():
        match = re.match(r"([0-9a-f]+) (\w) (\S+)$", line)
        if match and match[2] in KINDS:
            expected.setdefault(int(match[1], 16) - base, set()).add(match[3])
    wrong = [f"{dll.name}: {rva:#x} is {name}, nm has "
             f"{sorted(expected.get(rva, []))}"
             for rva, name in seen.items() if name not in expected.get(rva, [])]
    missing = [f"{dll.name}: {rva:#x} has no name" for rva, names in
               expected.items() if rva not in seen and
               not all(NO_PLACE.match(name) for name in names)]
    return len(seen), wrong + missing


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--print-symbols", required=True)
    parser.add_argument("--samples-source", required=True, type=Path)
    arguments = parser.parse_args()
    sys.dont_write_bytecode = True
    sys.path.insert(0, str(arguments.samples_source))
    from maker import c_build, dbg_file
    total, problems = 0, []
    with tempfile.TemporaryDirectory(prefix="nm-") as folder:
        for sample in c_build.samples():
            if sample.level != "O2" or sample.fixed or sample.security:
                continue
            dll = build(sample, Path(folder))
            count, wrong = compare(arguments.print_symbols, dbg_file, dll)
            total += count
            problems += wrong
    for problem in problems:
        print(problem)
    print(f"{total} symbols, {len(problems)} problems")
    return 1 if problems or total < 100 else 0


if __name__ == "__main__":
    sys.exit(main())

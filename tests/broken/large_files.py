#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Makes large files that were thought out to cost much, and judges them.

large_files.py DETACHFIX [--sanitized]

Each is a DLL that makes a critical section on attach, of which the rest is
there to be searched. Prints what each command took; fails when the exit status
is another than the file's construction asks for, when a command takes over 256
MB (which is not asked of a sanitized build), or hangs.
"""
import os
import random
import struct
import subprocess
import sys
import tempfile

MAX_KIB = 256 * 1024
HANG_SECONDS = 60  # a tenth of a second is usual
IMAGE_BASE = 0x10000000
NAMES = (b"InitializeCriticalSection", b"DeleteCriticalSection")
RAW_ALIGNMENT, ALIGNMENT = 0x200, 0x1000
TABLES_SIZE = 0x200  # of .data, in front of the rest
SECTION_SIZE = 24  # of an RTL_CRITICAL_SECTION
# Exit statuses (README): leaks, and would be patched; no plan, or unknown.
# Cannot be read.
LEAKS, UNKNOWN, FAILED = 1, 2, 3


def aligned(value, alignment):
    return -(-value // alignment) * alignment


def import_tables(rva, others):
    """One descriptor, two functions by name and others by ordinal; and where
    the bound addresses stand."""
    lookup = 40
    slots = lookup + 4 * (len(NAMES) + others + 1)
    strings = slots + 4 * (len(NAMES) + others + 1)
    texts, thunks = b"", b""
    for name in NAMES:
        thunks += struct.pack("<I", rva + strings + len(texts))
        texts += b"\0\0" + name + b"\0" * (2 - len(name) % 2)
    dll = rva + strings + len(texts)
    thunks += b"".join(word(1 << 31 | n) for n in range(1, others + 1))
    thunks += b"\0" * 4
    tables = struct.pack("<5I", rva + lookup, 0, 0, dll, rva + slots)
    tables += b"\0" * 20 + thunks + thunks + texts + b"KERNEL32.dll\0"
    return tables.ljust(tables_size(others), b"\0"), IMAGE_BASE + rva + slots


def tables_size(others):
    return TABLES_SIZE + 8 * others


def image(rest, exported=0, made=1, before=0, others=0, work=b""):
    """A PE32 DLL; `rest(section, delete_slot)` is the code behind its entry,
    which makes so many sections in a row, and does `work` whatever the reason;
    `before` bytes of data stand before its import tables, which have so many
    other functions."""
    entry = aligned(19 + 11 * made + len(work), 32)
    size = entry + len(rest(0, 0))
    data_rva = aligned(0x1000 + size, ALIGNMENT)
    tables_rva = data_rva + before
    tables, slots = import_tables(tables_rva, others)
    section = IMAGE_BASE + tables_rva + tables_size(others)
    # cmp dword [esp+8],1; jne; push section; call; mov eax,1; ret 12
    code = b"\x83\x7c\x24\x08\x01\x0f\x85" + struct.pack("<I", 11 * made)
    for i in range(made):
        code += b"\x68" + struct.pack("<I", section + SECTION_SIZE * i)
        code += b"\xff\x15" + struct.pack("<I", slots)
    code += b"\xb8\x01\0\0\0" + work + b"\xc2\x0c\0"
    code = code.ljust(entry, b"\xcc") + rest(section, slots + 4)
    room = aligned(SECTION_SIZE * made, 0x40)
    export_rva = tables_rva + tables_size(others) + room
    data = b"\x55" * before + tables + b"\0" * room + export_table(export_rva, exported)
    directories = {1: (tables_rva, 40)}
    if exported:
        directories[0] = (export_rva,
                          len(data) - before - tables_size(others) - room)
    return headers(code, data, data_rva, directories)


def export_table(rva, count):
    """`count` exports, one byte of the code after the other, of one name."""
    if not count:
        return b""
    names = rva + 40 + 4 * count
    ordinals = names + 4 * count
    dll = ordinals + 2 * count
    table = struct.pack("<IIHH7I", 0, 0, 0, 0, dll, 1, count, count, rva + 40,
                        names, ordinals)
    table += struct.pack(f"<{count}I", *range(0x1020, 0x1020 + count))
    table += struct.pack("<I", dll) * count
    return table + struct.pack(f"<{count}H", *range(count)) + b"X.dll\0"


def headers(code, data, data_rva, directories):
    raw = aligned(len(code), RAW_ALIGNMENT), aligned(len(data), RAW_ALIGNMENT)
    optional = struct.pack(
        "<HBB9I6H4IHH6I", 0x10B, 6, 0, raw[0], raw[1], 0, 0x1000, 0x1000,
        data_rva, IMAGE_BASE, ALIGNMENT, RAW_ALIGNMENT, 4, 0, 0, 0, 4, 0, 0,
        aligned(data_rva + len(data), ALIGNMENT), 0x400, 0, 2, 0, 0x100000,
        0x1000, 0x100000, 0x1000, 0, 16)
    for i in range(16):
        optional += struct.pack("<II", *directories.get(i, (0, 0)))
    head = b"MZ" + b"\0" * 58 + struct.pack("<I", 64) + b"PE\0\0"
    head += struct.pack("<HHIIIHH", 0x14C, 2, 0x40000000, 0, 0, len(optional),
                        0x210E) + optional
    head += struct.pack("<8s6IHHI", b".text", len(code), 0x1000, raw[0], 0x400,
                        0, 0, 0, 0, 0x60000020)
    head += struct.pack("<8s6IHHI", b".data", len(data), data_rva, raw[1],
                        0x400 + raw[0], 0, 0, 0, 0, 0xC0000040)
    return (head.ljust(0x400, b"\0") + code.ljust(raw[0], b"\0")
            + data.ljust(raw[1], b"\0"))


def word(value):
    return struct.pack("<I", value)


def files():
    """Name, content and exit status of each; that of patch too, where it is
    another."""
    noise = random.Random(1).randbytes(1 << 20)
    yield "nops", image(lambda *_: b"\x90" * 66_000_000), LEAKS
    yield "noise", image(lambda *_: noise * 40), LEAKS
    yield "calls", image(lambda *_: b"".join(
        b"\xe8" + struct.pack("<i", -32 - 5 * i) for i in range(1_000_000))), LEAKS
    # 65,000 exports lead into code that has no end.
    yield "exports", image(lambda *_: noise, 65_000), LEAKS
    # What may be code names the section so often that it is not all looked at.
    yield "uses", image(lambda section, _: word(section) * 8_000_000), UNKNOWN
    yield "deletes", image(lambda section, delete: (
        b"\x68" + word(section) + b"\xff\x15" + word(delete) + b"\xc3")
        * 1_000_000), UNKNOWN
    yield "slots", image(lambda _, delete: word(delete) * 8_000_000), LEAKS
    # Import tables lie behind the whole content of a section.
    yield "tables", image(lambda *_: noise, before=34 << 20), LEAKS
    # The same, too far: whatever is asked for, it cannot be read.
    yield "far", image(lambda *_: noise, made=0, before=37 << 20), FAILED
    # A long way out, which no jump ends: all of it is looked at again.
    yield "detach", image(lambda *_: noise, others=60_000,
                          work=b"\x40" * 30_000 + b"\xeb\0"), LEAKS
    # Each section is looked for in all code and data.
    # To delete them all takes more code than there is room for.
    yield "sections", image(lambda *_: noise, made=5_000), LEAKS, UNKNOWN


def run(command):
    """Exit status, processor seconds and KiB of the largest process."""
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL,
                               preexec_fn=limit)
    _, status, usage = os.wait4(process.pid, 0)
    return (os.waitstatus_to_exitcode(status),
            usage.ru_utime + usage.ru_stime, usage.ru_maxrss)


def limit():
    import resource
    resource.setrlimit(resource.RLIMIT_CPU, (HANG_SECONDS, HANG_SECONDS))


def main():
    program = sys.argv[1]
    sanitized = "--sanitized" in sys.argv[2:]
    failed = 0
    with tempfile.TemporaryDirectory() as folder:
        for name, content, *statuses in files():
            path = os.path.join(folder, name + ".dll")
            with open(path, "wb") as file:
                file.write(content)
            for command, expected in ((["verify"], statuses[0]),
                                      (["patch", "--dry-run"], statuses[-1])):
                status, seconds, kib = run(
                    [program, *command, "--any-dll", path])
                fine = status == expected and (sanitized or kib <= MAX_KIB)
                failed += not fine
                print(f"{name:8} {len(content) >> 20:3} MiB  {command[0]:6} "
                      f"status {status}  {seconds:5.2f} s  {kib >> 10:4} MiB"
                      + ("" if fine else f"  WRONG: status {expected} and at "
                         f"most {MAX_KIB >> 10} MiB were expected"))
            os.remove(path)
    sys.exit(failed > 0)


main()

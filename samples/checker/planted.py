# SPDX-License-Identifier: Apache-2.0
"""Faults planted into a good set. The check has to notice each of them: that
is what shows that it can fail."""

import copy
import hashlib
import struct

import pefile

NT4 = "nt4-sp3-dec-jz"
ALPHA = "alpha-nt4-chain"
PE = 0x80  # of the look-alikes
CODE = 0x400  # offset of their code

# Words of Alpha code: one that does nothing, one that reads by R29.
UNOP, LOAD_BY_GLOBAL_POINTER = 0x2ffe0000, 0xa03d0000


def _patch(offset, layout, value):
    def change(content, _entry):
        struct.pack_into(layout, content, offset, value)
    return change


def _grow(content, _entry):
    content += b"\0" * 0x200


def _entry_field(field, value):
    def change(_content, entry):
        entry[field] = value
    return change


def _lock_elsewhere(_content, entry):
    entry["critical_sections"][0]["rva"] = 0x1000


def _nt4_field(field, value):
    def change(_content, entry):
        entry["nt4"][field] = value
    return change


def _section(content, name):
    """Where the section's bytes begin in the file."""
    at = content.index(name.ljust(8, b"\0"), PE)
    return struct.unpack_from("<I", content, at + 20)[0]


def _swap_functions(content, _entry):
    at = _section(content, b".pdata")
    first, second = content[at:at + 20], content[at + 20:at + 40]
    content[at:at + 40] = second + first


def _forget_relocations(content, _entry):
    """Turns every HIGHLOW of the last block, .pdata's, into nothing."""
    start = _section(content, b".reloc")
    at = last = start
    while struct.unpack_from("<I", content, at + 4)[0]:
        last = at
        at += struct.unpack_from("<I", content, at + 4)[0]
    content[last + 8:at] = bytes(at - last - 8)


def _over_first_address(content, _entry):
    """Writes a no-operation where the first LDAH of the code is."""
    at = next(at for at in range(CODE, len(content), 4)
              if struct.unpack_from("<I", content, at)[0] >> 26 == 9)
    struct.pack_into("<I", content, at, UNOP)


# What it is called, and what it does to (content, manifest entry). Unless
# `rehash`, the manifest is left with the old hash.
FAULTS = [
    ("a byte of the code", _patch(0x410, "<B", 0xcc), False),
    ("checksum", _patch(PE + 0x58, "<I", 0x1234), True),
    ("linker version", _patch(PE + 0x1a, "<B", 2), True),
    ("entry point", _patch(PE + 0x28, "<I", 0x1010), True),
    ("image base", _patch(PE + 0x34, "<I", 0x10000000), True),
    ("characteristics", _patch(PE + 0x16, "<H", 0x2303), True),
    ("bound-import directory", _patch(PE + 0xd0, "<Q", 0), True),
    ("size", _grow, True),
    ("verdict", _entry_field("verdict", "fixed"), True),
    ("verdict that is no word", _entry_field("verdict", "leaky"), True),
    ("delete_imported", _entry_field("delete_imported", True), True),
    ("leaked_per_cycle", _entry_field("leaked_per_cycle", 2), True),
    ("address of the section", _lock_elsewhere, True),
    ("identity", _entry_field("identity", None), True),
    ("export name", _nt4_field("export_name", "Secur32.dll"), True),
]


def _summed(change):
    """`change`, and the CheckSum set right, so that it is not what tells."""
    def change_and_sum(content, entry):
        change(content, entry)
        image = pefile.PE(data=bytes(content), fast_load=True)
        struct.pack_into("<I", content, PE + 0x58, image.generate_checksum())
    return change_and_sum


ALPHA_FAULTS = [(name, _summed(change), True) for name, change in [
    ("machine", _patch(PE + 4, "<H", 0x14c)),
    ("section alignment", _patch(PE + 0x38, "<I", 0x1000)),
    ("functions out of order", _swap_functions),
    ("functions without relocations", _forget_relocations),
    ("no LDAH where there was one", _over_first_address),
    ("use of the global pointer",
     _patch(CODE + 8, "<I", LOAD_BY_GLOBAL_POINTER)),
    ("size of an Alpha file", _grow),
]]
BY_SAMPLE = {NT4: FAULTS, ALPHA: ALPHA_FAULTS}


def planted(entry, content):
    """Yields (name of the fault, entry, content) for each fault of a sample of
    BY_SAMPLE."""
    for name, change, rehash in BY_SAMPLE[entry["name"]]:
        bad_entry, bad_content = copy.deepcopy(entry), bytearray(content)
        change(bad_content, bad_entry)
        if rehash:
            bad_entry["size"] = len(bad_content)
            bad_entry["sha256"] = hashlib.sha256(bad_content).hexdigest()
        yield name, bad_entry, bytes(bad_content)

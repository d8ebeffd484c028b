# SPDX-License-Identifier: Apache-2.0
"""Faults planted into a good set. The check has to notice each of them: that
is what shows that it can fail."""

import copy
import hashlib
import struct

NT4 = "nt4-sp3-dec-jz"
PE = 0x80  # of the look-alikes


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


def planted(entry, content):
    """Yields (name of the fault, entry, content) for each."""
    for name, change, rehash in FAULTS:
        bad_entry, bad_content = copy.deepcopy(entry), bytearray(content)
        change(bad_content, bad_entry)
        if rehash:
            bad_entry["size"] = len(bad_content)
            bad_entry["sha256"] = hashlib.sha256(bad_content).hexdigest()
        yield name, bad_entry, bytes(bad_content)

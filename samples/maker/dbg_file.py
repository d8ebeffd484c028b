# SPDX-License-Identifier: Apache-2.0
"""Writes .dbg files: the symbols of an image, as SPLITSYM and the linker's
-debug:notmapped of the time put them beside it.

Layouts: IMAGE_SEPARATE_DEBUG_HEADER and IMAGE_COFF_SYMBOLS_HEADER of winnt.h;
"COFF Symbol Table" of the PE/COFF specification; for CodeView the part
"Microsoft Symbol and Type Information" of the Tool Interface Standards,
Portable Formats Specification (1993).
"""

import struct
from dataclasses import dataclass

from maker import pe_shape

COFF, CODEVIEW, MISC = 1, 2, 4  # IMAGE_DEBUG_TYPE_*
EXTERNAL, STATIC = 2, 3  # IMAGE_SYM_CLASS_*
FUNCTION = 0x20  # Type: a function of no stated type

# What the symbols of a sample are written as.
KINDS = ("coff", "coff-rva", "codeview", "codeview-long")


@dataclass(frozen=True)
class Symbol:
    name: str
    rva: int
    external: bool
    function: bool = False


def section_of(sections, rva):
    """The number, from 1, and the section that holds the address; or None."""
    for number, section in enumerate(sections, 1):
        if 0 <= rva - section.rva < section.virtual_size:
            return number, section
    return None


def coff(symbols, sections, values_are_rvas=False):
    """The data of an IMAGE_DEBUG_TYPE_COFF entry."""
    strings, rows = b"", b""
    for symbol in symbols:
        number, section = section_of(sections, symbol.rva)
        name = symbol.name.encode()
        if len(name) <= 8:
            field = name.ljust(8, b"\0")
        else:
            field = struct.pack("<II", 0, 4 + len(strings))
            strings += name + b"\0"
        value = symbol.rva - (0 if values_are_rvas else section.rva)
        rows += field + struct.pack(
            "<IhHBB", value, number, FUNCTION if symbol.function else 0,
            EXTERNAL if symbol.external else STATIC, 0)
    text, data = sections[0], sections[1]
    header = struct.pack("<8I", len(symbols), 32, 0, 0, text.rva,
                         text.rva + text.virtual_size, data.rva,
                         data.rva + data.virtual_size)
    return header + rows + struct.pack("<I", 4 + len(strings)) + strings


def _record(number, fields, name):
    body = struct.pack("<H", number) + fields + bytes([len(name)]) + \
        name.encode()
    body += bytes(-(len(body) + 2) % 4)
    return struct.pack("<H", len(body)) + body


def _public(symbol, sections, long_types):
    number, section = section_of(sections, symbol.rva)
    offset = symbol.rva - section.rva
    if long_types:
        return _record(0x1009, struct.pack("<IIH", 0, offset, number),
                       symbol.name)
    return _record(0x203, struct.pack("<IHH", offset, number, 0), symbol.name)


def _local_function(symbol, sections, long_types):
    number, section = section_of(sections, symbol.rva)
    offset = symbol.rva - section.rva
    links = bytes(6 * 4)  # parent, end, next; length and its parts
    if long_types:
        return _record(0x100a, links + struct.pack("<IIHB", 0, offset, number,
                                                   0), symbol.name)
    return _record(0x204, links + struct.pack("<IHHB", offset, number, 0, 0),
                   symbol.name)


def codeview(symbols, sections, long_types=False):
    """The data of an IMAGE_DEBUG_TYPE_CODEVIEW entry, NB09 or NB11: the public
    symbols of all and the functions of one module."""
    public = b"".join(_public(s, sections, long_types) for s in symbols
                      if s.external)
    local = b"".join(_local_function(s, sections, long_types) for s in symbols
                     if s.function and not s.external)
    module = struct.pack("<HHH2s", 0, 0, 1, b"CV") + struct.pack(
        "<HHII", 1, 0, 0, sections[0].virtual_size) + b"\6sample\0"
    subsections = [
        (0x120, 1, module),
        (0x125, 1, struct.pack("<I", 1) + local),
        (0x12a, 0xffff, struct.pack("<HHIII", 0, 0, len(public), 0, 0) +
         public),
    ]
    data = b"NB11" if long_types else b"NB09"
    data += bytes(4)
    entries = b""
    for kind, owner, content in subsections:
        entries += struct.pack("<HHII", kind, owner, len(data), len(content))
        data += content + bytes(-len(content) % 4)
    directory = struct.pack("<HHIII", 16, 12, len(subsections), 0, 0) + entries
    return data[:4] + struct.pack("<I", len(data)) + data[8:] + directory


def data_of(kind, symbols, sections):
    """(type, data) of the debug entry that holds the symbols."""
    if kind.startswith("coff"):
        return COFF, coff(symbols, sections, kind == "coff-rva")
    return CODEVIEW, codeview(symbols, sections, kind == "codeview-long")


def write(image, entries):
    """The .dbg file of `image`, the bytes of a PE file, with the debug
    entries, each (type, data)."""
    coff_header = struct.unpack_from("<I", image, 0x3c)[0] + 4
    machine, count, stamp, _, _, optional_size, characteristics = \
        struct.unpack_from("<HHIIIHH", image, coff_header)
    optional = coff_header + 20
    base, alignment = struct.unpack_from("<II", image, optional + 28)
    image_size, _, checksum = struct.unpack_from("<III", image, optional + 56)
    table = optional + optional_size
    headers = image[table:table + 40 * count]
    names = b"InitSecurityInterfaceA\0InitSecurityInterfaceW\0\0"
    at = 48 + len(headers) + len(names) + 28 * len(entries)
    directory, content = b"", b""
    for kind, data in entries:
        directory += struct.pack("<IIHHIIII", 0, stamp, 0, 0, kind, len(data),
                                 0, at + len(content))
        content += data + bytes(-len(data) % 4)
    header = struct.pack(
        "<HHHHIIIIIIII8x", 0x4944, 0, machine, characteristics, stamp,
        checksum, base, image_size, count, len(names), len(directory),
        alignment)
    return header + headers + names + directory + content


def misc(name):
    """(type, data) of the entry that names the image."""
    return MISC, struct.pack("<IIB3x260s", 1, pe_shape.MISC_SIZE, 0,
                             name.encode())

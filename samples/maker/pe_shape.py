# SPDX-License-Identifier: Apache-2.0
"""Writes the headers of a PE file as linker 3.10 and BIND would.

GNU ld places and relocates the sections; their content is taken from its
output and everything in front of and behind them is written anew: headers,
bound-import directory after the section table, debug record after the last
section, checksum. Field names are those of winnt.h.
"""

import struct
from dataclasses import dataclass, field

FILE_ALIGNMENT = 0x200
SECTION_ALIGNMENT = 0x1000
SIZE_OF_HEADERS = 0x400
DOS_HEADER_SIZE = 0x80  # with the stub program
OPTIONAL_HEADER = 0x18  # behind "PE\0\0" and the COFF header
CHECKSUM_FIELD = DOS_HEADER_SIZE + OPTIONAL_HEADER + 0x40
MISC_SIZE = 0x110  # IMAGE_DEBUG_MISC: 12 bytes and a name of 260
IMAGE_DEBUG_TYPE_MISC = 4
IMAGE_DEBUG_MISC_EXENAME = 1

I386, ALPHA = 0x14c, 0x184  # machines

EXPORT, IMPORT, RESOURCE, EXCEPTION, BASE_RELOCATION, DEBUG = 0, 1, 2, 3, 5, 6
TLS, BOUND_IMPORT, ADDRESS_TABLE = 9, 11, 12

# Characteristics by name; .idata is writable, a section of its own.
SECTION_FLAGS = {
    ".text": 0x60000020,
    ".rdata": 0x40000040,
    ".data": 0xc0000040,
    ".idata": 0xc0000040,
    ".pdata": 0x40000040,
    ".rsrc": 0x40000040,
    ".reloc": 0x42000040,
}


def align(value, unit):
    return (value + unit - 1) // unit * unit


@dataclass
class Section:
    name: str
    rva: int
    virtual_size: int
    content: bytes  # what stands in the file, not yet padded

    def raw_size(self):
        return align(len(self.content), FILE_ALIGNMENT)


@dataclass
class Shape:
    """What is to stand in the headers."""
    image_base: int
    stamp: int
    entry: int
    symbol_count: int
    directories: dict  # index: (rva, size)
    debug_rva: int = None  # of the directory; without it no record is written
    debug_name: str = ""
    bound: list = field(default_factory=list)  # (dll, stamp, [(dll, stamp)])
    machine: int = I386
    section_alignment: int = SECTION_ALIGNMENT


def read_sections(linked):
    """The sections of the file that ld wrote."""
    pe, = struct.unpack_from("<I", linked, 0x3c)
    count, = struct.unpack_from("<H", linked, pe + 6)
    optional_size, = struct.unpack_from("<H", linked, pe + 20)
    sections = []
    for index in range(count):
        name, size, rva, raw_size, raw = struct.unpack_from(
            "<8sIIII", linked, pe + 24 + optional_size + 40 * index)
        content = linked[raw:raw + min(size, raw_size)]
        sections.append(Section(name.rstrip(b"\0").decode(), rva, size,
                                content))
    return sections


def trim_data(sections):
    """Takes trailing zeros out of .data's file content: linker 3.10 kept the
    uninitialised data there, in memory only."""
    for section in sections:
        if section.name == ".data":
            kept = len(section.content.rstrip(b"\0"))
            section.content = section.content[:align(kept, 4)]


def checksum(content, field_offset=CHECKSUM_FIELD):
    """OptionalHeader.CheckSum: 16-bit sum with carries, plus the length."""
    data = bytearray(content)
    data[field_offset:field_offset + 4] = bytes(4)
    total = sum(struct.unpack(f"<{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xffff) + (total >> 16)
    return total + len(data)


def set_checksum(content):
    struct.pack_into("<I", content, CHECKSUM_FIELD, checksum(content))


def bound_directory(bound):
    """IMAGE_BOUND_IMPORT_DESCRIPTORs, the empty one, then the names."""
    names, offsets = b"", {}
    rows = sum(1 + len(references) for _, _, references in bound) + 1
    for dll in [d for dll, _, refs in bound for d in (dll, *(r for r, _ in
                                                             refs))]:
        if dll not in offsets:
            offsets[dll] = rows * 8 + len(names)
            names += dll.encode() + b"\0"
    table = b""
    for dll, stamp, references in bound:
        table += struct.pack("<IHH", stamp, offsets[dll], len(references))
        for name, name_stamp in references:
            table += struct.pack("<IHH", name_stamp, offsets[name], 0)
    return table + bytes(8) + names


def _coff_header(shape, sections):
    return struct.pack("<4sHHIIIHH", b"PE\0\0", shape.machine,
                       len(sections), shape.stamp, 0, shape.symbol_count, 0xe0,
                       0x2302)


def _optional_header(shape, sections, directories):
    text = sections[0]
    data_size = sum(section.raw_size() for section in sections[1:])
    last = sections[-1]
    image_size = align(last.rva + last.virtual_size, shape.section_alignment)
    header = struct.pack(
        "<HBBIIIIIIIII", 0x10b, 3, 10, text.raw_size(), data_size, 0,
        shape.entry, text.rva, sections[1].rva, shape.image_base,
        shape.section_alignment, FILE_ALIGNMENT)
    # Versions of the system, the image and the subsystem: 4.0. Windows CUI.
    header += struct.pack("<HHHHHHIIIIHH", 4, 0, 4, 0, 4, 0, 0, image_size,
                          SIZE_OF_HEADERS, 0, 3, 0)
    header += struct.pack("<IIIIII", 0x40000, 0x1000, 0x100000, 0x1000, 0, 16)
    for index in range(16):
        header += struct.pack("<II", *directories.get(index, (0, 0)))
    return header


def _section_table(sections):
    table, raw = b"", SIZE_OF_HEADERS
    for section in sections:
        table += struct.pack("<8sIIIIIIHHI", section.name.encode(),
                             section.virtual_size, section.rva,
                             section.raw_size(), raw, 0, 0, 0, 0,
                             SECTION_FLAGS[section.name])
        raw += section.raw_size()
    return table


def _misc_record(name):
    return struct.pack("<IIB3x260s", IMAGE_DEBUG_MISC_EXENAME, MISC_SIZE, 0,
                       name.encode())


def write(shape, sections, dos_header):
    """The bytes of the file."""
    directories = dict(shape.directories)
    bound = bound_directory(shape.bound) if shape.bound else b""
    table_end = DOS_HEADER_SIZE + OPTIONAL_HEADER + 0xe0 + 40 * len(sections)
    if bound:
        directories[BOUND_IMPORT] = (table_end, len(bound))
    has_record = shape.debug_rva is not None
    if has_record:
        directories[DEBUG] = (shape.debug_rva, 28)
    header = (dos_header + _coff_header(shape, sections) +
              _optional_header(shape, sections, directories) +
              _section_table(sections) + bound)
    if len(header) > SIZE_OF_HEADERS:
        raise ValueError(f"headers take {len(header):#x} bytes")
    content = bytearray(header.ljust(SIZE_OF_HEADERS, b"\0"))
    for section in sections:
        content += section.content.ljust(section.raw_size(), b"\0")
    if has_record:
        _fill_debug_entry(content, shape, sections)
        content += _misc_record(shape.debug_name)
    set_checksum(content)
    return bytes(content)


def _fill_debug_entry(content, shape, sections):
    entry = struct.pack("<IIHHIIII", 0, shape.stamp, 0, 0,
                        IMAGE_DEBUG_TYPE_MISC, MISC_SIZE, 0, len(content))
    raw = SIZE_OF_HEADERS
    for section in sections:
        inside = shape.debug_rva - section.rva
        if 0 <= inside < len(section.content):
            content[raw + inside:raw + inside + 28] = entry
        raw += section.raw_size()


def rebase(content, new_base, new_stamp):
    """What REBASE does: image base, the words that the base relocations name,
    stamp, checksum. `content` is a file that `write` made."""
    result = bytearray(content)
    optional = DOS_HEADER_SIZE + OPTIONAL_HEADER
    old_base, = struct.unpack_from("<I", result, optional + 28)
    sections = read_sections(content)
    offsets, raw = {}, SIZE_OF_HEADERS
    for section in sections:
        offsets[section.rva] = raw
        raw += section.raw_size()
    for rva in relocated_words(sections):
        owner = max(start for start in offsets if start <= rva)
        at = offsets[owner] + rva - owner
        word, = struct.unpack_from("<I", result, at)
        struct.pack_into("<I", result, at,
                         (word + new_base - old_base) & 0xffffffff)
    struct.pack_into("<I", result, optional + 28, new_base)
    struct.pack_into("<I", result, DOS_HEADER_SIZE + 8, new_stamp)
    set_checksum(result)
    return bytes(result)


def relocated_words(sections):
    """RVAs of the words that IMAGE_REL_BASED_HIGHLOW entries name."""
    table = next(s.content for s in sections if s.name == ".reloc")
    words, at = [], 0
    while at + 8 <= len(table):
        page, size = struct.unpack_from("<II", table, at)
        if size == 0:
            break
        for offset in range(at + 8, at + size, 2):
            entry, = struct.unpack_from("<H", table, offset)
            if entry >> 12 == 3:
                words.append(page + (entry & 0xfff))
        at += size
    return words

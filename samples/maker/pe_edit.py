# SPDX-License-Identifier: Apache-2.0
"""A linked PE32 file, to be changed after the linker. Offsets of fields are
those of winnt.h."""

import struct
from dataclasses import dataclass

from maker import pe_shape

OPTIONAL_HEADER = 24  # behind "PE\0\0" and the COFF header
SECTION_HEADER = 40


@dataclass(frozen=True)
class Header:
    """One row of the section table."""
    at: int  # where the row stands in the file
    name: str
    virtual_size: int
    rva: int
    raw_size: int
    raw: int
    flags: int

    @property
    def content_end(self):
        """Where the section's content ends in the file."""
        return self.raw + min(self.virtual_size, self.raw_size)


class Image:
    def __init__(self, content):
        self.data = bytearray(content)

    def u16(self, at):
        return struct.unpack_from("<H", self.data, at)[0]

    def u32(self, at):
        return struct.unpack_from("<I", self.data, at)[0]

    def put16(self, at, value):
        struct.pack_into("<H", self.data, at, value)

    def put32(self, at, value):
        struct.pack_into("<I", self.data, at, value & 0xffffffff)

    @property
    def pe(self):
        return self.u32(0x3c)

    @property
    def optional(self):
        return self.pe + OPTIONAL_HEADER

    @property
    def table(self):
        return self.optional + self.u16(self.pe + 20)

    @property
    def table_end(self):
        return self.table + SECTION_HEADER * self.u16(self.pe + 6)

    @property
    def headers_size(self):
        return self.u32(self.optional + 60)

    def sections(self):
        rows = []
        for at in range(self.table, self.table_end, SECTION_HEADER):
            name, size, rva, raw_size, raw = struct.unpack_from(
                "<8sIIII", self.data, at)
            rows.append(Header(at, name.rstrip(b"\0").decode(), size, rva,
                               raw_size, raw, self.u32(at + 36)))
        return rows

    def section(self, name):
        return next(s for s in self.sections() if s.name == name)

    def home(self, rva):
        """The section that `rva` lies in."""
        return next(s for s in self.sections()
                    if s.rva <= rva < s.rva + max(s.virtual_size, s.raw_size))

    def offset(self, rva):
        home = self.home(rva)
        return rva - home.rva + home.raw

    def directory(self, index):
        at = self.optional + 96 + 8 * index
        return self.u32(at), self.u32(at + 4)

    def set_directory(self, index, rva, size):
        at = self.optional + 96 + 8 * index
        self.put32(at, rva)
        self.put32(at + 4, size)

    def descriptors(self):
        """Offsets of the import descriptors."""
        at = self.offset(self.directory(pe_shape.IMPORT)[0])
        rows = []
        while self.u32(at + 12):
            rows.append(at)
            at += 20
        return rows

    def finish(self):
        """The bytes, with CheckSum set."""
        field = self.optional + 64
        if len(self.data) % 2:
            self.data.append(0)
        self.put32(field, pe_shape.checksum(self.data, field))
        return bytes(self.data)

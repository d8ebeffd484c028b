# SPDX-License-Identifier: Apache-2.0
"""Links Alpha objects into the sections of a PE file, which GNU ld cannot.

What becomes of the ELF relocations (binutils, include/elf/alpha.h):

    ELF                 what is written            base relocation
    GPRELHIGH           LDAH: the address's high   HIGHADJ
                        half, one more if the low
                        half is negative
    GPRELLOW            LDA, LDL, STL…: the low    LOW
                        half
    REFLONG, REFQUAD    the address                HIGHLOW
    REFLONG minus base  an RVA                     none
    BRADDR, HINT        the distance               none

The first two are relative to the global pointer, on Linux. There is none on
Windows NT: it is taken to be zero.
"""

import fnmatch
import struct
from dataclasses import dataclass, field

from maker import base_relocations, dbg_file, elf, pe_shape
from maker.base_relocations import HIGHADJ, HIGHLOW, LOW, BaseRelocation
from maker.dialect import ALPHA_IMAGE_BASE as IMAGE_BASE

SECTION_ALIGNMENT = 0x2000  # a page of the machine

REFLONG, REFQUAD, BRADDR, HINT = 1, 2, 7, 8
GPRELHIGH, GPRELLOW = 17, 18

# The sections of the file, and what goes into each, in order. Their names are
# those of the i386 look-alikes, and .pdata, the function table of Alpha files
# (PE/COFF specification 4.3).
LAYOUT = {
    ".text": (".text.entry", ".text", ".text$bulk", ".text$thunk"),
    ".rdata": (".rdata$debug", ".rodata*", ".rdata", ".rdata$export"),
    ".data": (".data", ".sdata", ".sbss", ".bss"),
    ".idata": (".idata",),
    ".pdata": (".pdata",),
}
PDATA_ENTRY = 20

# "This program cannot be run in DOS mode", as real-mode code that says so.
DOS_STUB = bytes.fromhex("0e1fba0e00b409cd21b8014ccd21") + \
    b"This program cannot be run in DOS mode.\r\r\n$"


class LinkError(Exception):
    """The objects do not fit together, or ask for what Windows NT lacks."""


@dataclass
class Linked:
    sections: list  # of pe_shape
    symbols: dict  # name: RVA
    relocations: list = field(default_factory=list)  # BaseRelocation
    named: list = field(default_factory=list)  # dbg_file.Symbol

    def section(self, name):
        return next(s for s in self.sections if s.name == name)

    def append(self, name, content):
        """Adds a section behind the last one; gives it back."""
        rva = _next_page(self.sections)
        section = pe_shape.Section(name, rva, len(content), content)
        self.sections.append(section)
        return section

    def append_relocations(self):
        return self.append(".reloc", base_relocations.table(self.relocations))


def dos_header():
    header = struct.pack("<2s6H", b"MZ", 0x90, 3, 0, 4, 0, 0xffff)
    header = header.ljust(0x18, b"\0") + struct.pack("<H", 0x40)
    header = header.ljust(0x3c, b"\0")
    header += struct.pack("<I", pe_shape.DOS_HEADER_SIZE)
    return (header + DOS_STUB).ljust(pe_shape.DOS_HEADER_SIZE, b"\0")


def _next_page(sections):
    if not sections:
        return SECTION_ALIGNMENT
    last = sections[-1]
    return pe_shape.align(last.rva + last.virtual_size, SECTION_ALIGNMENT)


class _Linker:
    def __init__(self, objects):
        self.objects = objects
        self.sections = []  # of pe_shape, with bytearrays
        self.places = {}  # (object, section index): (section, offset)
        self.addresses = {}  # of global symbols, as RVAs
        self.found = []  # BaseRelocation
        self.named = []  # dbg_file.Symbol

    def place(self):
        """Puts every input section where it belongs."""
        for name, patterns in LAYOUT.items():
            content = bytearray()
            section = pe_shape.Section(name, _next_page(self.sections), 0,
                                       content)
            for pattern in patterns:
                self._place_all(section, pattern)
            section.virtual_size = len(content)
            if content:
                self.sections.append(section)

    def _place_all(self, section, pattern):
        for number, read in enumerate(self.objects):
            for index, part in enumerate(read.sections):
                if not part.content or not fnmatch.fnmatchcase(part.name,
                                                               pattern):
                    continue
                section.content += bytes(-len(section.content) % part.align)
                self.places[number, index] = (section, len(section.content))
                section.content += part.content

    def _rva(self, number, symbol):
        section, offset = self.places[number, symbol.section]
        return section.rva + offset + symbol.value

    def define(self):
        """Finds the addresses of the symbols; gives all names."""
        names = {}
        for number, read in enumerate(self.objects):
            for symbol in read.symbols:
                if (number, symbol.section) not in self.places:
                    continue
                names[symbol.name] = self._rva(number, symbol)
                self._name(symbol, names[symbol.name])
                if symbol.binding != elf.STB_LOCAL:
                    if symbol.name in self.addresses:
                        raise LinkError(f"{symbol.name} is defined twice")
                    self.addresses[symbol.name] = names[symbol.name]
        return names

    def _name(self, symbol, rva):
        external = symbol.binding != elf.STB_LOCAL
        in_code = self.sections[0].rva <= rva < self.sections[1].rva
        if symbol.name:
            self.named.append(dbg_file.Symbol(
                symbol.name, rva, external, external and in_code or
                symbol.kind == elf.STT_FUNC))

    def _target(self, number, relocation):
        symbol = relocation.symbol
        if symbol.section == elf.SHN_UNDEF:
            if symbol.name not in self.addresses:
                raise LinkError(f"{symbol.name} is not defined")
            rva = self.addresses[symbol.name]
        else:
            rva = self._rva(number, symbol)
        return IMAGE_BASE + rva + relocation.addend

    def relocate(self):
        for (number, index), (section, offset) in self.places.items():
            part = self.objects[number].sections[index]
            for relocation in part.relocations:
                at = offset + relocation.offset
                target = self._target(number, relocation)
                kind = _apply(section, at, relocation.kind, target)
                if kind:
                    self.found.append(BaseRelocation(section.rva + at, *kind))


def _branch(section, at, bits, target):
    """The distance in words to `target`, for a field of so many bits."""
    distance = target - IMAGE_BASE - (section.rva + at + 4)
    if distance % 4 or not -1 << bits + 1 <= distance < 1 << bits + 1:
        raise LinkError(f"no branch from {section.rva + at:#x}")
    word, = struct.unpack_from("<I", section.content, at)
    word = word & ~((1 << bits) - 1) | distance >> 2 & (1 << bits) - 1
    struct.pack_into("<I", section.content, at, word)


def _apply(section, at, kind, target):
    """Writes what the relocation asks for; gives the kind of base relocation
    and its low half, or None where the loader has nothing to do."""
    content = section.content
    if kind == GPRELHIGH:
        struct.pack_into("<H", content, at, (target + 0x8000) >> 16 & 0xffff)
        return HIGHADJ, target & 0xffff
    if kind == GPRELLOW:
        struct.pack_into("<H", content, at, target & 0xffff)
        return LOW, None
    if kind in (BRADDR, HINT):
        _branch(section, at, 21 if kind == BRADDR else 14, target)
        return None
    if kind not in (REFLONG, REFQUAD):
        raise LinkError(f"relocation {kind} at {section.rva + at:#x}")
    struct.pack_into("<I" if kind == REFLONG else "<Q", content, at, target)
    return (HIGHLOW, None) if target >= IMAGE_BASE else None  # else an RVA


def _sort_pdata(section):
    """The table has to be sorted by address (PE/COFF specification 4.3). Its
    entries are alike in what is relocated, so they can change places."""
    content = section.content
    entries = [content[i:i + PDATA_ENTRY]
               for i in range(0, len(content), PDATA_ENTRY)]
    entries.sort(key=lambda entry: struct.unpack_from("<I", entry))
    section.content = b"".join(entries)


def link(paths):
    """Links the objects; what stands behind .pdata is for the caller."""
    linker = _Linker([elf.read(path.read_bytes()) for path in paths])
    linker.place()
    names = linker.define()
    linker.relocate()
    for section in linker.sections:
        section.content = bytes(section.content)
    pe_shape.trim_data(linker.sections)
    linked = Linked(linker.sections, names, linker.found, linker.named)
    _sort_pdata(linked.section(".pdata"))
    return linked

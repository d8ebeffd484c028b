# SPDX-License-Identifier: Apache-2.0
"""Links Alpha objects into the sections of a PE file.

GNU ld knows no PE files for Alpha. It places the objects as a program at fixed
addresses (src/alpha/layout.ld) and keeps their relocations; from those come the
words that ld cannot get right and the base relocations:

    ELF relocation      what stands there          base relocation
    GPRELHIGH           LDAH: the address's high   HIGHADJ
                        half, one more if the low
                        half is negative
    GPRELLOW            LDA, LDL, STL…: the low    LOW
                        half
    REFLONG, REFQUAD    the address                HIGHLOW
    REFLONG minus base  an RVA                     none

ld computes the two halves from a global pointer of its own choosing. There is
none on Windows NT, so they are written anew.
"""

import struct
from dataclasses import dataclass

from maker import base_relocations, elf, pe_shape, toolchain
from maker.base_relocations import HIGHADJ, HIGHLOW, LOW, BaseRelocation
from maker.dialect import ALPHA_IMAGE_BASE as IMAGE_BASE

SECTION_ALIGNMENT = 0x2000  # a page of the machine
LAYOUT = toolchain.SOURCES / "alpha" / "layout.ld"

# R_ALPHA_ numbers of binutils' include/elf/alpha.h.
REFLONG, REFQUAD, BRADDR, HINT = 1, 2, 7, 8
GPRELHIGH, GPRELLOW = 17, 18

# What the file gets of ld's sections. Its own bookkeeping stays behind.
NAMES = (".text", ".rdata", ".data", ".idata", ".pdata")
PDATA_ENTRY = 20

# "This program cannot be run in DOS mode", as real-mode code that says so.
DOS_STUB = bytes.fromhex("0e1fba0e00b409cd21b8014ccd21") + \
    b"This program cannot be run in DOS mode.\r\r\n$"


class LinkError(Exception):
    """A relocation that Windows NT has nothing for."""


@dataclass
class Linked:
    sections: list  # of pe_shape
    symbols: dict  # name: RVA
    relocations: list  # BaseRelocation

    def section(self, name):
        return next(s for s in self.sections if s.name == name)

    def append(self, name, content):
        """Adds a section behind the last one; gives it back."""
        last = self.sections[-1]
        rva = pe_shape.align(last.rva + last.virtual_size, SECTION_ALIGNMENT)
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


def _resolve(content, at, relocation):
    """Writes what `relocation` asks for at offset `at`; gives the kind of base
    relocation and its low half, or None where the loader has nothing to do."""
    target = relocation.target
    if relocation.kind == GPRELHIGH:
        struct.pack_into("<H", content, at, (target + 0x8000) >> 16 & 0xffff)
        return HIGHADJ, target & 0xffff
    if relocation.kind == GPRELLOW:
        struct.pack_into("<H", content, at, target & 0xffff)
        return LOW, None
    if relocation.kind in (BRADDR, HINT):
        return None  # relative, and done by ld
    if relocation.kind not in (REFLONG, REFQUAD):
        raise LinkError(f"relocation {relocation.kind} at "
                        f"{relocation.offset:#x}")
    return (HIGHLOW, None) if target >= IMAGE_BASE else None  # else an RVA


def _sort_pdata(section):
    """The table has to be sorted by address (PE/COFF specification 4.3). Its
    entries are alike in what is relocated, so they can change places."""
    content = section.content
    entries = [content[i:i + PDATA_ENTRY]
               for i in range(0, len(content), PDATA_ENTRY)]
    entries.sort(key=lambda entry: struct.unpack_from("<I", entry))
    section.content = b"".join(entries)


def _take_section(read):
    """The section for the PE file, and its base relocations."""
    content = bytearray(read.content)
    found = []
    rva = read.address - IMAGE_BASE
    for relocation in read.relocations:
        at = relocation.offset - read.address
        kind = _resolve(content, at, relocation)
        if kind:
            found.append(BaseRelocation(rva + at, *kind))
    return pe_shape.Section(read.name, rva, len(content),
                            bytes(content)), found


def link(objects, folder):
    """Links the objects; what stands behind .pdata is for the caller."""
    output = folder / "linked.elf"
    toolchain.run("ld", "--emit-relocs", "--no-relax", "--orphan-handling=error",
                  "--no-warn-rwx-segments", f"--defsym=image_base={IMAGE_BASE}",
                  "-e", "0", "-T", LAYOUT, "-o", output, *objects,
                  prefix=toolchain.ALPHA)
    read = elf.read(output.read_bytes())
    sections, relocations = [], []
    for section in read.sections:
        if section.name in NAMES and section.content:
            taken, found = _take_section(section)
            sections.append(taken)
            relocations += found
    linked = Linked(sections, {}, relocations)
    pe_shape.trim_data(sections)
    _sort_pdata(linked.section(".pdata"))
    linked.symbols = {s.name: s.value - IMAGE_BASE for s in read.symbols
                      if s.value >= IMAGE_BASE}
    return linked

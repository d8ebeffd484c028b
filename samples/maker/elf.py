# SPDX-License-Identifier: Apache-2.0
"""Reads ELF objects of 64 bits, little-endian: sections, symbols, relocations.
Names and layouts are those of the ELF-64 object file format."""

import struct
from dataclasses import dataclass, field

SHT_SYMTAB, SHT_RELA, SHT_NOBITS = 2, 4, 8
SHN_UNDEF = 0
STB_LOCAL, STB_GLOBAL = 0, 1
STT_FUNC = 2
STV_DEFAULT = 0

SECTION = struct.Struct("<IIQQQQIIQQ")
SYMBOL = struct.Struct("<IBBHQQ")
RELA = struct.Struct("<QQq")


@dataclass
class Symbol:
    name: str
    value: int
    section: int  # index, or one of the reserved SHN_ numbers
    binding: int
    kind: int
    visibility: int


@dataclass
class Relocation:
    offset: int
    kind: int
    symbol: Symbol
    addend: int


@dataclass
class Section:
    name: str
    content: bytes
    align: int
    relocations: list = field(default_factory=list)


@dataclass
class ElfFile:
    sections: list
    symbols: list


def _text(table, offset):
    return table[offset:table.index(b"\0", offset)].decode("ascii")


def _symbols(content, names):
    symbols = []
    for row in SYMBOL.iter_unpack(content):
        name, info, other, section, value, _ = row
        symbols.append(Symbol(_text(names, name), value, section, info >> 4,
                              info & 15, other & 3))
    return symbols


def read(content):
    """The object with these bytes."""
    offset, = struct.unpack_from("<Q", content, 0x28)
    entry_size, count, names_index = struct.unpack_from("<HHH", content, 0x3a)
    rows = [SECTION.unpack_from(content, offset + i * entry_size)
            for i in range(count)]

    def body(row):
        _, kind, _, _, start, size = row[:6]
        return bytes(size) if kind == SHT_NOBITS else \
            content[start:start + size]
    names = body(rows[names_index])
    sections = [Section(_text(names, row[0]), body(row), row[8])
                for row in rows]
    symbols = []
    for row in rows:
        if row[1] == SHT_SYMTAB:
            symbols = _symbols(body(row), body(rows[row[6]]))
    for row in rows:
        if row[1] == SHT_RELA:
            sections[row[7]].relocations = [
                Relocation(at, info & 0xffffffff, symbols[info >> 32], addend)
                for at, info, addend in RELA.iter_unpack(body(row))]
    return ElfFile(sections, symbols)

# SPDX-License-Identifier: Apache-2.0
"""Images that leave a patcher few ways: samples of the other families, changed
after the linker, and two entries made for it. What each of them forces is
asserted in tests/cli/check_forced.py.
"""

import hashlib
from dataclasses import dataclass, field

from maker import asm_build, c_build, nt4_build, pe_shape
from maker.c_shapes import SET_LAST_ERROR, Shape, both
from maker.pe_edit import SECTION_HEADER, Image

# Neither zero nor any filler of a linker: somebody's data.
DATA = 0xa5
CERTIFICATE = 4
RELOCS_STRIPPED = 0x0001
MEM_WRITE = 0x80000000


def fill_slack(*spared):
    """Data from the end of each section's content to the end of its part of
    the file, but for the sections `spared`."""
    def change(image):
        for section in image.sections():
            if section.name in spared:
                continue
            end = section.raw + section.raw_size
            for at in range(section.content_end, end):
                image.data[at] = DATA
    return change


def leave_in_code(count):
    """Data in the free bytes at the end of the code section but for the first
    `count`."""
    def change(image):
        code = image.sections()[0]
        begin, end = code.content_end + count, code.raw + code.raw_size
        image.data[begin:end] = bytes([DATA]) * (end - begin)
    return change


def fill_padding(image):
    """Data in the place of what the linker put between functions: runs of nop
    or int3 to an address that is a multiple of 16."""
    code = image.sections()[0]
    at = end = code.content_end
    while at > code.raw:
        if image.data[at - 1] in (0x90, 0xcc) and \
                image.data[at - 1] == image.data[end - 1]:
            at -= 1
            continue
        if end - at >= 2 and end % 16 == 0:
            image.data[at:end] = bytes([DATA]) * (end - at)
        at -= 1
        end = at
    return image


def crowd_headers(image):
    """Moves the PE header down until no section header fits behind the last,
    as a long DOS program would."""
    room = image.headers_size - image.table_end
    move = (room - SECTION_HEADER) // 8 * 8 + 8
    header = image.data[image.pe:image.table_end]
    at = image.pe
    image.data[at:at + move] = bytes([DATA]) * move
    image.data[at + move:at + move + len(header)] = header
    image.put32(0x3c, at + move)


def strip_relocations(image):
    image.set_directory(pe_shape.BASE_RELOCATION, 0, 0)
    image.put16(image.pe + 22, image.u16(image.pe + 22) | RELOCS_STRIPPED)


def import_section_read_only(image):
    home = image.home(image.directory(pe_shape.IMPORT)[0])
    image.put32(home.at + 36, home.flags & ~MEM_WRITE)


def no_address_table_directory(image):
    image.set_directory(pe_shape.ADDRESS_TABLE, 0, 0)


def no_lookup_tables(image):
    for descriptor in image.descriptors():
        image.put32(descriptor, 0)


def append_overlay(image):
    image.data += b"an overlay: what follows the last section.\n" * 7


def append_certificate(image):
    """A WIN_CERTIFICATE of the right form whose content is nobody's signature
    (winnt.h: dwLength, wRevision 2.0, PKCS signed data)."""
    image.data += bytes(-len(image.data) % 8)
    start, size = len(image.data), 0x100
    image.data += size.to_bytes(4, "little") + b"\0\2" + b"\2\0"
    image.data += bytes([DATA]) * (size - 8)
    image.set_directory(CERTIFICATE, start, size)


@dataclass
class Forced:
    """`base` with `changes` made to it, in order."""
    name: str
    what: str
    base: object
    changes: list = field(default_factory=list)

    def build(self, folder):
        content, entry, *_ = self.base.build(folder)
        image = Image(content)
        for change in self.changes:
            change(image)
        content = image.finish()
        entry = dict(entry, name=self.name, file=self.name + ".dll",
                     size=len(content), family="forced", shape=self.name,
                     sha256=hashlib.sha256(content).hexdigest(), symbols=None,
                     what=f"{entry['what']}; {self.what}")
        entry["sources"] = ["samples/maker/forced_build.py",
                            *entry["sources"]]
        entry.pop("nt4", None)
        return content, entry


class OwnImports(asm_build.AsmSample):
    """src/asm/own_imports.s, whose tables no linker knows of."""

    def __init__(self, *symbols, address_table=True):
        super().__init__("own-imports", Shape(
            "own-imports", "import tables of its own", source="own_imports"),
            "", False, False)
        self.symbols = list(symbols)
        self.address_table = address_table

    def assembler_symbols(self):
        return self.symbols

    def place_tables(self, image, symbols):
        """Enters the tables into the data directory."""
        def between(name):
            return symbols[name], symbols[name + "_end"] - symbols[name]
        image.set_directory(pe_shape.IMPORT, *between("import_directory"))
        if self.address_table:
            image.set_directory(pe_shape.ADDRESS_TABLE,
                                *between("address_table"))


class RelocatedExit(asm_build.AsmSample):
    def __init__(self, work):
        super().__init__("relocated-exit", Shape(
            "relocated-exit", "base relocations over the hook site",
            source="relocated_exit",
            calls={**both([SET_LAST_ERROR]),
                   "thread_attach": [], "thread_detach": []} if work else {}),
            "", False, False)
        self.work = work

    def assembler_symbols(self):
        return ["WORK"] if self.work else []


def c_sample(name):
    return next(s for s in c_build.samples() if s.name == name)


def nt4_sample(name):
    return next(s for s in nt4_build.samples() if s.name == name)


def full(*spared):
    """No free byte but in the sections `spared`."""
    return [fill_padding, fill_slack(*spared)]


def samples():
    return [
        Forced("forced-relocated-exit", "nothing else on detach",
               RelocatedExit(False)),
        Forced("forced-relocated-exit-work", "and a call on detach",
               RelocatedExit(True)),
        Forced("forced-no-slack", "no free byte in any section",
               c_sample("c-switch-O2"), full()),
        Forced("forced-no-header-room", "no room for a section header",
               c_sample("c-switch-O2"), [crowd_headers]),
        Forced("forced-slack-in-code", "free bytes in .text alone",
               c_sample("c-switch-O2"), full(".text")),
        Forced("forced-slack-in-data", "free bytes in .idata alone",
               c_sample("c-switch-O2"), full(".idata")),
        Forced("forced-side-file", "free bytes for the added code alone, none "
               "for the way back", c_sample("c-delete-imported-O2"),
               [*full(".text"), leave_in_code(64), crowd_headers]),
        Forced("forced-no-relocations", "no base relocations",
               c_sample("c-no-detach-O2"), [strip_relocations]),
        Forced("forced-overlay", "an overlay, and no free byte in any section",
               c_sample("c-delete-imported-O2"), full() + [append_overlay]),
        Forced("forced-certificate", "a certificate table",
               c_sample("c-switch-O2"), [append_certificate]),
        Forced("forced-bound", "bound imports behind the section headers, and "
               "no free byte in any section", nt4_sample("nt4-sp5-no-frame"),
               full()),
        Forced("forced-bound-delete", "the same, with Delete imported",
               nt4_sample("nt4-sp5-switch"), full()),
        Forced("forced-read-only", "imports in a read-only section, with an "
               "address table directory, and no free byte that may be written",
               OwnImports("READ_ONLY"), [fill_slack(".text", ".imports")]),
        Forced("forced-read-only-no-iat", "imports in a read-only section, "
               "without an address table directory",
               OwnImports("READ_ONLY", address_table=False)),
        Forced("forced-writable-no-iat", "imports in a writable section, "
               "without an address table directory",
               OwnImports(address_table=False)),
        Forced("forced-no-lookup", "descriptors without lookup tables",
               OwnImports("NO_LOOKUP")),
        Forced("forced-memory-slot", "the only free word that the loader may "
               "write lies behind the file's part of the section",
               OwnImports("SLOTS_LAST"),
               [fill_slack(".text", ".rdata", ".reloc", ".edata"),
                crowd_headers]),
    ]

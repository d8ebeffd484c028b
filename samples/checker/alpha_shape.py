# SPDX-License-Identifier: Apache-2.0
"""Whether an Alpha sample has the form of Windows NT on Alpha, word by word:
instructions by the Alpha Architecture Handbook's formats, tables by the PE/COFF
specification and winnt.h. Nothing here is taken from the generator."""

import struct

PAGE = 0x2000
EXCEPTION, BASE_RELOCATION = 3, 5
ABSOLUTE, LOW, HIGHLOW, HIGHADJ = 0, 2, 3, 4
LDA, LDAH, LDL, LDQ, STL, STQ = 0x08, 0x09, 0x28, 0x29, 0x2c, 0x2d
# Memory format: opcode, Ra, Rb, displacement of 16 bits.
MEMORY_FORMAT = {LDA, LDAH, 0x0a, 0x0b, 0x0c, 0x0d, 0x0e, 0x0f,
                 *range(0x20, 0x30)}
JUMPS = 0x1a  # Rb holds the address
GLOBAL_POINTER, ZERO = 29, 31


def check(findings, name, image):
    """`image` is the pefile.PE of the sample."""
    findings.equal(name, "SectionAlignment",
                   image.OPTIONAL_HEADER.SectionAlignment, PAGE)
    findings.equal(name, "sections that are not on a page",
                   [s.Name for s in image.sections
                    if s.VirtualAddress % PAGE], [])
    relocations = base_relocations(findings, name, image)
    for rva, kind, low_half in relocations:
        _check_relocation(findings, name, image, (rva, kind, low_half))
    _check_pdata(findings, name, image,
                 {rva for rva, kind, _ in relocations if kind == HIGHLOW})
    _check_no_global_pointer(findings, name, image)


def base_relocations(findings, name, image):
    """(RVA, type, second slot) of each. Not by pefile, which takes the second
    slot of a HIGHADJ for an entry."""
    entry = image.OPTIONAL_HEADER.DATA_DIRECTORY[BASE_RELOCATION]
    table = image.get_data(entry.VirtualAddress, entry.Size)
    found, at = [], 0
    while at < len(table):
        page, size = struct.unpack_from("<II", table, at)
        slots = list(struct.unpack_from(f"<{(size - 8) // 2}H", table, at + 8))
        while slots:
            slot = slots.pop(0)
            low_half = slots.pop(0) if slot >> 12 == HIGHADJ else None
            if slot >> 12 != ABSOLUTE:
                found.append((page + (slot & 0xfff), slot >> 12, low_half))
        at += size
    findings.equal(name, "end of the relocations", at, len(table))
    findings.equal(name, "relocations in order", found, sorted(found))
    return found


def _in_image(image, address):
    rva = address - image.OPTIONAL_HEADER.ImageBase
    return image.get_section_by_rva(rva) is not None


def _signed(half):
    return half - 0x10000 if half & 0x8000 else half


def _check_relocation(findings, name, image, relocation):
    rva, kind, low_half = relocation
    word = image.get_dword_at_rva(rva)
    what = f"relocation of type {kind} at {rva:#x}"
    if kind == HIGHLOW:
        findings.true(name, f"{what}: an address", _in_image(image, word))
        return
    opcode, base = word >> 26, word >> 16 & 31
    if kind == HIGHADJ:
        findings.equal(name, f"{what}: LDAH from zero", (opcode, base),
                       (LDAH, ZERO))
        address = ((word & 0xffff) << 16) + _signed(low_half)
        findings.true(name, f"{what}: an address", _in_image(image, address))
        return
    findings.equal(name, f"{what}: is a low half", kind, LOW)
    findings.true(name, f"{what}: an instruction with a low half",
                  opcode in (LDA, LDL, LDQ, STL, STQ))


def _check_pdata(findings, name, image, relocated):
    """winnt.h, IMAGE_ALPHA_RUNTIME_FUNCTION_ENTRY: begin, end, handler, its
    data, end of the prologue."""
    entry = image.OPTIONAL_HEADER.DATA_DIRECTORY[EXCEPTION]
    base = image.OPTIONAL_HEADER.ImageBase
    rows = list(struct.iter_unpack("<5I", image.get_data(entry.VirtualAddress,
                                                         entry.Size)))
    findings.true(name, "functions in .pdata", rows)
    code = image.sections[0]
    last_end = 0
    for index, (begin, end, handler, data, prologue) in enumerate(rows):
        rva = entry.VirtualAddress + 20 * index
        findings.equal(name, f"handler of function {index}", (handler, data),
                       (0, 0))
        findings.true(name, f"function {index} behind the one before",
                      last_end <= begin < end)
        findings.true(name, f"prologue of function {index} in it",
                      begin < prologue <= end)
        findings.true(name, f"function {index} in the code",
                      code.contains_rva(begin - base) and
                      code.contains_rva(end - 4 - base))
        findings.true(name, f"function {index} relocated",
                      {rva, rva + 4, rva + 16} <= relocated)
        last_end = end


def _check_no_global_pointer(findings, name, image):
    code = image.sections[0]
    content = code.get_data()[:code.Misc_VirtualSize]
    users = []
    for at in range(0, len(content) - 3, 4):
        word, = struct.unpack_from("<I", content, at)
        if word >> 26 in MEMORY_FORMAT | {JUMPS} and \
                word >> 16 & 31 == GLOBAL_POINTER:
            users.append(hex(code.VirtualAddress + at))
    findings.equal(name, "instructions that use the global pointer", users, [])

# SPDX-License-Identifier: Apache-2.0
"""What happens to a DLL in the field, done to a file: REBASE, and a build with
other content but the same code. Written from the PE/COFF specification, and
shares nothing with detachfix."""

import struct

HIGH, LOW, HIGHLOW, HIGHADJ = 1, 2, 3, 4  # base relocation types
STAMP, IMAGE_BASE, CHECKSUM = 8, 24 + 28, 24 + 64  # from "PE\0\0", PE32
BASE_RELOCATION, DEBUG = 5, 6  # data directories


def pe_offset(content):
    return struct.unpack_from("<I", content, 0x3c)[0]


def checksum(content):
    """OptionalHeader.CheckSum: 16-bit sum with carries, plus the length."""
    data = bytearray(content)
    field = pe_offset(data) + CHECKSUM
    data[field:field + 4] = bytes(4)
    padded = data + bytes(len(data) % 2)
    total = sum(struct.unpack(f"<{len(padded) // 2}H", padded))
    while total >> 16:
        total = (total & 0xffff) + (total >> 16)
    return total + len(data)


def with_checksum(content):
    result = bytearray(content)
    struct.pack_into("<I", result, pe_offset(result) + CHECKSUM,
                     checksum(result))
    return bytes(result)


def directory(content, index):
    return struct.unpack_from("<II", content,
                              pe_offset(content) + 24 + 96 + 8 * index)


def file_offset(content, rva):
    """Where `rva` stands in the file, or None."""
    pe = pe_offset(content)
    count, = struct.unpack_from("<H", content, pe + 6)
    optional, = struct.unpack_from("<H", content, pe + 20)
    for index in range(count):
        _, begin, raw_size, raw = struct.unpack_from(
            "<IIII", content, pe + 24 + optional + 40 * index + 8)
        if begin <= rva < begin + raw_size:
            return raw + rva - begin
    return None


def relocations(content):
    """(rva, type, parameter of HIGHADJ) of each base relocation."""
    begin, size = directory(content, BASE_RELOCATION)
    at = file_offset(content, begin) if size else 0
    end = at + size
    while at + 8 <= end:
        page, block = struct.unpack_from("<II", content, at)
        entries = struct.unpack_from(f"<{(block - 8) // 2}H", content, at + 8)
        words = iter(entries)
        for word in words:
            parameter = next(words) if word >> 12 == HIGHADJ else 0
            if word >> 12:
                yield page + (word & 0xfff), word >> 12, parameter
        at += block


def relocate(content, delta):
    for rva, kind, low in relocations(bytes(content)):
        at = file_offset(content, rva)
        if kind == HIGHLOW:
            word, = struct.unpack_from("<I", content, at)
            struct.pack_into("<I", content, at, (word + delta) & 0xffffffff)
            continue
        word, = struct.unpack_from("<H", content, at)
        if kind == HIGHADJ:
            whole = (word << 16) + (low - 0x10000 if low & 0x8000 else low)
            word = (whole + delta + 0x8000) >> 16
        elif kind == HIGH:
            word = ((word << 16) + delta) >> 16
        elif kind == LOW:
            word += delta
        struct.pack_into("<H", content, at, word & 0xffff)


def rebase(content, delta, stamp):
    """What `REBASE -b` does: base, relocated words, stamp and checksum. The
    debug directory's stamp follows the header's."""
    result = bytearray(content)
    pe = pe_offset(result)
    relocate(result, delta)
    base, = struct.unpack_from("<I", result, pe + IMAGE_BASE)
    struct.pack_into("<I", result, pe + IMAGE_BASE, (base + delta) & 0xffffffff)
    struct.pack_into("<I", result, pe + STAMP, stamp)
    rva, size = directory(result, DEBUG)
    for entry in range(size // 28):
        struct.pack_into("<I", result,
                         file_offset(result, rva) + 28 * entry + 4, stamp)
    return with_checksum(result)


def other_content(content):
    """The same code in another file: a byte of the DOS header's reserved words,
    which nothing reads, is another one."""
    result = bytearray(content)
    result[0x1c] ^= 0x55
    return with_checksum(result)

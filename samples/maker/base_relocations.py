# SPDX-License-Identifier: Apache-2.0
"""The base relocation table of a PE file (PE/COFF specification 6.6)."""

import struct
from dataclasses import dataclass

PAGE = 0x1000  # of a block, whatever the machine's own page is
ABSOLUTE, LOW, HIGHLOW, HIGHADJ = 0, 2, 3, 4


@dataclass(order=True, frozen=True)
class BaseRelocation:
    rva: int
    kind: int
    # HIGHADJ takes two slots: the second is the low half of the address, which
    # decides whether the high half is one more.
    low_half: int = None

    def slots(self):
        first = self.kind << 12 | self.rva % PAGE
        return [first] if self.low_half is None else [first, self.low_half]


def table(relocations):
    """The bytes of the table for these relocations, sorted."""
    blocks = {}
    for relocation in sorted(relocations, key=lambda r: (r.rva, r.kind)):
        page = relocation.rva // PAGE * PAGE
        blocks.setdefault(page, []).extend(relocation.slots())
    content = b""
    for page, slots in blocks.items():
        slots += [ABSOLUTE] * (len(slots) % 2)
        content += struct.pack(f"<II{len(slots)}H", page, 8 + 2 * len(slots),
                               *slots)
    return content

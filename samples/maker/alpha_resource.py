# SPDX-License-Identifier: Apache-2.0
"""The resource section of an Alpha sample: one VERSIONINFO, number 1, English.

Three directories of one entry each (type, name, language), one data entry, the
data (PE/COFF specification 6.9).
"""

import struct

RT_VERSION, NUMBER, ENGLISH = 16, 1, 0x409
DIRECTORY = 24  # with its one entry
IS_DIRECTORY = 0x80000000


def _directory(identifier, offset):
    return struct.pack("<IIHHHHII", 0, 0, 4, 0, 0, 1, identifier, offset)


def append(linked, data):
    """Adds .rsrc with `data` in it behind the sections that there are."""
    start = 3 * DIRECTORY + 16
    content = (_directory(RT_VERSION, IS_DIRECTORY | DIRECTORY) +
               _directory(NUMBER, IS_DIRECTORY | 2 * DIRECTORY) +
               _directory(ENGLISH, 3 * DIRECTORY))
    section = linked.append(".rsrc", content.ljust(start, b"\0") + data)
    entry = struct.pack("<IIII", section.rva + start, len(data), 0, 0)
    section.content = content + entry + data
    return section

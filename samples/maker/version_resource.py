# SPDX-License-Identifier: Apache-2.0
"""VERSIONINFO of a Security.dll, compiled by windres.

The descriptions of the export and the domestic edition are published (KB
Q176820). NT 4.0 SP6a also had a 56-bit edition (KB Q250867), whose description
is not: that text is ours. File version "4.00" is as KB Q196699 lists it; no
longer version string of the file is published, so none is made up.
"""

import enum
import struct
from pathlib import Path

from maker import toolchain

STEM = "NtLm Security Support Provider Client DLL "


class Edition(enum.Enum):
    EXPORT = (40, STEM + "(Export Version)", True)
    DOMESTIC = (128, STEM + "(Domestic Use Only)", True)
    STANDARD = (56, STEM + "(56-bit Version)", False)

    def entry(self):
        """The manifest's object for the edition."""
        bits, description, published = self.value
        return {"crypto_bits": bits, "description": description,
                "description_published": published}


# Language 0409, code page 1200 (Unicode), as the usual English resource.
TEMPLATE = """1 VERSIONINFO
FILEVERSION 4,0,0,0
PRODUCTVERSION 4,0,0,0
FILEFLAGSMASK 0x3f
FILEOS 0x40004
FILETYPE 2
BEGIN
  BLOCK "StringFileInfo"
  BEGIN
    BLOCK "040904B0"
    BEGIN
      VALUE "CompanyName", "detachfix samples"
      VALUE "FileDescription", "{description}"
      VALUE "FileVersion", "4.00"
      VALUE "InternalName", "{internal}"
      VALUE "OriginalFilename", "{original}"
      VALUE "ProductName", "detachfix sample, not a Microsoft file"
      VALUE "ProductVersion", "4.00"
    END
  END
  BLOCK "VarFileInfo"
  BEGIN
    VALUE "Translation", 0x409, 1200
  END
END
"""


def _compile(output, form, edition, file_name):
    script = Path(output).with_suffix(".rc")
    script.write_text(TEMPLATE.format(description=edition.value[1],
                                      internal=Path(file_name).stem,
                                      original=file_name), encoding="ascii")
    # The text needs no preprocessor; cat saves the start of a compiler.
    toolchain.run("windres", "--preprocessor=cat", "--preprocessor-arg=-u",
                  "-O", form, script, output)


def build(output, edition, file_name="Security.dll"):
    """Writes the COFF object `output`, for i386."""
    _compile(output, "coff", edition, file_name)


def data(folder, edition, file_name="Security.dll"):
    """The bytes of the resource alone, from a .res file: an empty entry of 32
    bytes, and one whose first two words are the sizes of data and header."""
    output = Path(folder) / "version.res"
    _compile(output, "res", edition, file_name)
    content = output.read_bytes()[32:]
    data_size, header_size = struct.unpack_from("<II", content)
    return content[header_size:header_size + data_size]

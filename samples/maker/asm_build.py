# SPDX-License-Identifier: Apache-2.0
"""Builds the entries of src/asm: what compilers wrote and today's do not."""

from dataclasses import dataclass

from maker import c_build, pe_edit, toolchain
from maker.c_shapes import SET_LAST_ERROR, Shape, both
from maker.truth import Lock, manifest_entry

ASSEMBLY = toolchain.SOURCES / "asm"
THREADS = {"thread_attach": [SET_LAST_ERROR]}
NTOHL = "ws2_32.dll!#14"

SHAPES = [
    Shape("sub-chain", "sub and dec with jz in a frame", source="sub_chain",
          calls=THREADS),
    Shape("sub-chain-no-frame", "sub and dec with jz, no frame, an exit for "
          "each case", source="sub_chain_no_frame", calls=THREADS),
    Shape("jump-table", "a jump table in the code", source="jump_table",
          calls={**THREADS, "thread_detach": [SET_LAST_ERROR]}),
    Shape("jump-table-no-frame", "a jump table in data, indexed through a "
          "second table, no frame", source="jump_table_no_frame"),
    Shape("pointer-table", "a table of function pointers in writable data, "
          "jumped through", source="pointer_table"),
    Shape("register-twice", "a call register loaded once and used twice",
          source="register_twice",
          locks=[Lock("g_lock"), Lock("g_list_lock")]),
    Shape("ordinal", "attach and detach call an import by ordinal",
          calls={"attach": [NTOHL], **both([NTOHL])}),
]


@dataclass
class AsmSample(c_build.CSample):
    """One entry of src/asm, as it is or as the vendor would fix it."""
    maker = "assembly"

    def source(self):
        return ASSEMBLY / f"{self.shape.source or self.shape.name}.s"

    def source_names(self):
        return [f"samples/src/asm/{self.source().name}"]

    def assembler_symbols(self):
        return ["VENDOR_FIX"] if self.fixed else []

    def place_tables(self, image, symbols):
        """For tables that the linker did not make: it made them all."""

    def build(self, folder):
        flags = [f"-Wa,--defsym,{name}=1" for name in self.assembler_symbols()]
        flags += c_build.COMMON
        library = folder / "libwinsock.a"
        toolchain.run("dlltool", "-k", "-d", ASSEMBLY / "winsock.def", "-l",
                      library)
        dll, map_file = folder / f"{self.shape.name}.dll", folder / "map"
        toolchain.run("gcc", f"-Wa,-I,{ASSEMBLY}", *flags,
                      f"-Wl,-Map={map_file}", "-o", dll, self.source(),
                      *c_build.LIBRARIES, library)
        symbols = toolchain.map_symbols(map_file, c_build.IMAGE_BASE)
        image = pe_edit.Image(dll.read_bytes())
        self.place_tables(image, symbols)
        content = image.finish()
        build = {
            "family": "asm",
            "shape": self.shape.name,
            "sources": self.source_names(),
            "compiler": toolchain.compiler_version(),
            "flags": flags + c_build.LIBRARIES,
        }
        return content, manifest_entry(self.name, content, build,
                                       self.truth(), symbols)


def samples():
    """Each entry, and its fixed counterpart."""
    return [AsmSample(f"asm-{shape.name}" + ("-fixed" if fixed else ""), shape,
                      "", fixed, False)
            for shape in SHAPES for fixed in (False, True)]

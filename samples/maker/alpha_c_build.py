# SPDX-License-Identifier: Apache-2.0
"""Builds the shapes of c_shapes.py for Alpha: the same sources, compiled by
Debian's gcc for Linux on Alpha, put into the form of Windows NT
(alpha_assembly.py) and linked to a PE file (alpha_link.py)."""

from dataclasses import dataclass

from maker import (alpha_assembly, alpha_link, alpha_resource, c_build,
                   c_shapes, elf, export_table, import_table, pe_shape,
                   toolchain, version_resource)
from maker.dialect import Alpha
from maker.truth import manifest_entry

LEVELS = ("O0", "O1", "O2", "Os")

TLS_DIRECTORY_SIZE = 24  # IMAGE_TLS_DIRECTORY32
STAMP = 0x3872b284  # ours: every file needs one, and it must not change

# EV4, the first Alpha, is what Windows NT asks for at least: no instructions
# for bytes and words. Frames are made where functions begin, as .pdata says.
COMPILE_FLAGS = [
    "-std=c11", "-Wall", "-Wextra", "-Werror", "-ffreestanding", "-mcpu=ev4",
    "-mno-fp-regs", "-mexplicit-relocs", "-msmall-text", "-mlarge-data",
    "-fvisibility=hidden", "-fno-pic", "-fno-pie", "-fno-shrink-wrap",
    "-fno-asynchronous-unwind-tables", "-fno-ident",
]
IMPORT_PREFIX = "__imp_"


def compile_c(source, flags, folder, stem=None):
    """An object in the form of Windows NT."""
    stem = folder / (stem or source.stem)
    text = stem.with_suffix(".gcc.s")
    toolchain.run("gcc", "-S", *flags, *COMPILE_FLAGS, "-o", text, source,
                  prefix=toolchain.ALPHA)
    return assemble(stem, alpha_assembly.convert(text.read_text("ascii")))


def assemble(stem, text):
    """The object STEM.o made of `text`, with STEM.s beside it."""
    source, output = stem.with_suffix(".s"), stem.with_suffix(".o")
    source.write_text(text, encoding="ascii")
    toolchain.run("as", "-mev4", source, "-o", output, prefix=toolchain.ALPHA)
    return output


def needed(objects):
    """The names that the objects do not define, and those that they export."""
    missing, exported = set(), set()
    for path in objects:
        for symbol in elf.read(path.read_bytes()).symbols:
            if symbol.section == elf.SHN_UNDEF:
                missing.add(symbol.name)
            elif (symbol.binding, symbol.kind, symbol.visibility) == (
                    elf.STB_GLOBAL, elf.STT_FUNC, elf.STV_DEFAULT):
                exported.add(symbol.name)
    return missing - {""}, exported


def imports_of(missing, init, delete):
    """The import table that gives these undefined symbols a place."""
    known = {name for functions in import_table.FUNCTIONS.values()
             for name in functions}
    slots = {name.removeprefix(IMPORT_PREFIX) for name in missing
             if name.startswith(IMPORT_PREFIX)}
    thunks = sorted(missing & known)
    return import_table.Imports(sorted(slots | set(thunks)), init, delete,
                                bound=False, thunks=thunks)


def directories(symbols):
    """The data directories that the linked symbols mark."""
    def between(name):
        return symbols[name], symbols[name + "_end"] - symbols[name]
    chosen = {
        pe_shape.EXPORT: between("export_directory"),
        pe_shape.IMPORT: between("import_directory"),
        pe_shape.ADDRESS_TABLE: between("address_table"),
    }
    if "_tls_used" in symbols:
        chosen[pe_shape.TLS] = symbols["_tls_used"], TLS_DIRECTORY_SIZE
    return chosen


def finish(linked, chosen, resource=None):
    """Adds the sections that ld does not make, with their directories."""
    pdata = linked.section(".pdata")
    chosen[pe_shape.EXCEPTION] = (pdata.rva, pdata.virtual_size)
    if resource:
        section = alpha_resource.append(linked, resource)
        chosen[pe_shape.RESOURCE] = (section.rva, section.virtual_size)
    section = linked.append_relocations()
    chosen[pe_shape.BASE_RELOCATION] = (section.rva, section.virtual_size)
    return chosen


@dataclass
class AlphaCSample(c_build.CSample):
    """One build of one shape; the truth is that of the same shape on i386."""

    def truth(self):
        truth = super().truth()
        truth.what = "Alpha, " + truth.what
        return truth

    def flags(self):
        defines = ["-DVENDOR_FIX"] if self.fixed else []
        return [f"-{self.level}", *defines, *self.shape.flags]

    def objects(self, folder):
        sources = [self.source()]
        if self.security:
            sources.append(toolchain.SOURCES / "c" / "sspi.c")
        objects = [compile_c(path, self.flags(), folder) for path in sources]
        missing, exported = needed(objects)
        dll_name = "Security.dll" if self.security else f"{self.name}.dll"
        tables = import_table.source(
            imports_of(missing, None, None), Alpha) + export_table.source(
                dll_name, STAMP, {name: name for name in exported}, Alpha)
        return objects + [assemble(folder / "tables", tables)]

    def build(self, folder):
        """Compiles and links in `folder`; gives bytes and manifest entry."""
        linked = alpha_link.link(self.objects(folder))
        resource = None
        if self.security:
            resource = version_resource.data(folder,
                                             version_resource.Edition.EXPORT)
        chosen = finish(linked, directories(linked.symbols), resource)
        shape = pe_shape.Shape(
            image_base=alpha_link.IMAGE_BASE, stamp=STAMP,
            entry=linked.symbols["DllMain"], symbol_count=0,
            directories=chosen, machine=pe_shape.ALPHA,
            section_alignment=alpha_link.SECTION_ALIGNMENT)
        content = pe_shape.write(shape, linked.sections,
                                 alpha_link.dos_header())
        entry = manifest_entry(self.name, content, self.describe(),
                               self.truth(), linked.symbols)
        return content, entry

    def describe(self):
        return {
            "machine": "alpha",
            "family": "alpha-c",
            "shape": self.shape.name,
            "sources": self.source_names(),
            "compiler": toolchain.compiler_version(toolchain.ALPHA),
            "flags": [*self.flags(), *COMPILE_FLAGS],
        }


def samples():
    """All C samples for Alpha, in the order of the table."""
    return c_build.all_of(c_shapes.SHAPES, LEVELS, "alpha-c", AlphaCSample)

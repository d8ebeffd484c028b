# SPDX-License-Identifier: Apache-2.0
"""Builds the look-alikes of alpha_nt4_samples.py: entries in assembly,
body.c by gcc, bulk by alpha_bulk.py, fitted to the published size as those for
i386 are, linked by alpha_link.py."""

import functools
import tempfile
from pathlib import Path

from maker import (alpha_assembly, alpha_bulk, alpha_c_build, alpha_link,
                   alpha_nt4_samples, alpha_resource, bulk_code, elf,
                   export_table, import_table, nt4_build, nt4_samples,
                   pe_shape, toolchain, version_resource)
from maker.base_relocations import LOW
from maker.dialect import Alpha
from maker.truth import manifest_entry

ENTRIES = toolchain.SOURCES / "alpha"
BODY_FLAGS = ["-O1", "-fshort-wchar", "-fno-toplevel-reorder"]
LARGEST_BULK = 700  # functions; more than any layout needs

# As in nt4_build.py; nothing is decorated on this machine.
ENTRY_NAMES = {"DllEntry": "DllMain", "set_up": "SspiSetUp",
               "tear_down": "SspiTearDown"}
STARTUP_NAMES = {"DllEntry": "_DllMainCRTStartup", "dll_main": "DllMain"}


@functools.lru_cache(maxsize=None)
def _bulk_offsets():
    """Bytes that the first n functions take, for each n."""
    with tempfile.TemporaryDirectory(prefix="samples-") as folder:
        pool = alpha_c_build.assemble(
            Path(folder) / "pool",
            alpha_bulk.source(LARGEST_BULK, bulk_code.TABLE_WORDS))
        read = elf.read(pool.read_bytes())
    addresses = {symbol.name: symbol.value for symbol in read.symbols}
    return [addresses[f"Bulk{index}"] for index in range(LARGEST_BULK)]


@functools.lru_cache(maxsize=None)
def _resource(edition, file_name):
    with tempfile.TemporaryDirectory(prefix="samples-") as folder:
        return version_resource.data(folder, edition, file_name)


def _entry_object(sample, folder):
    """The entry, whose registers and #ifdefs are the preprocessor's."""
    output = folder / "entry.i"
    defines = [f"-D{name}" for name in nt4_build.entry_symbols(sample)]
    toolchain.run("gcc", "-E", "-P", "-x", "assembler-with-cpp", *defines,
                  ENTRIES / f"entry_{sample.entry}.S", "-o", output,
                  prefix=toolchain.ALPHA)
    return alpha_c_build.assemble(
        folder / "entry", alpha_assembly.convert(output.read_text("ascii")))


def _objects(sample, folder, stamp):
    tables = import_table.source(nt4_build.imports_of(sample), Alpha) + \
        export_table.sspi_source(sample.export_name, stamp, Alpha)
    return [
        _entry_object(sample, folder),
        alpha_c_build.compile_c(
            nt4_build.NT4 / "body.c",
            BODY_FLAGS + nt4_build.body_defines(sample), folder),
        alpha_c_build.assemble(folder / "tables", tables),
    ]


class AlphaBuild(nt4_build.Build):
    """One sample on its way."""

    def bulk_offsets(self):
        return _bulk_offsets()

    def link(self):
        bulk = alpha_c_build.assemble(
            self.folder / "bulk",
            alpha_bulk.source(self.bulk_count, self.table_words))
        linked = alpha_link.link([*self.objects, bulk])
        if not self.sample.low_relocations:
            linked.relocations = [relocation for relocation in
                                  linked.relocations if relocation.kind != LOW]
        alpha_resource.append(linked, _resource(self.sample.edition,
                                                self.sample.export_name))
        linked.append_relocations()
        return linked


def _directories(sample, linked):
    directories = {
        index: nt4_build.between(linked.symbols, name)
        for index, name in ((pe_shape.EXPORT, "export_directory"),
                            (pe_shape.IMPORT, "import_directory"))}
    if sample.address_table_directory:
        directories[pe_shape.ADDRESS_TABLE] = nt4_build.between(
            linked.symbols, "address_table")
    for index, name in ((pe_shape.EXCEPTION, ".pdata"),
                        (pe_shape.RESOURCE, ".rsrc"),
                        (pe_shape.BASE_RELOCATION, ".reloc")):
        section = linked.section(name)
        directories[index] = (section.rva, section.virtual_size)
    return directories


class AlphaNt4Build(nt4_build.Nt4Build):
    """A row of alpha_nt4_samples.py as the generator takes it."""

    def build(self, folder):
        sample = self.sample
        layout = nt4_samples.LAYOUTS[sample.layout]
        build = AlphaBuild(sample, folder,
                           _objects(sample, folder, layout.stamp))
        linked = nt4_build.fit(build)
        bound = sample.bound and nt4_build.bound_imports(sample, layout)
        shape = pe_shape.Shape(
            image_base=alpha_link.IMAGE_BASE, stamp=layout.stamp,
            entry=linked.symbols["DllEntry"], symbol_count=0,
            directories=_directories(sample, linked),
            debug_rva=linked.symbols["debug_directory"],
            debug_name="dll\\" + sample.export_name.replace(".dll", ".dbg"),
            bound=bound or [], machine=pe_shape.ALPHA,
            section_alignment=alpha_link.SECTION_ALIGNMENT)
        content = pe_shape.write(shape, linked.sections,
                                 alpha_link.dos_header())
        truth = nt4_build.truth(sample, build.bulk_count,
                                alpha_bulk.AlphaFunction)
        truth.what = "Alpha, " + truth.what
        entry = manifest_entry(
            self.name, content,
            self.describe(alpha_link.IMAGE_BASE, layout.stamp), truth,
            linked.symbols)
        names = STARTUP_NAMES if sample.entry == "startup" else ENTRY_NAMES
        return content, entry, *nt4_build.add_symbols(sample, content, linked,
                                                      entry, names)

    def describe(self, base, stamp):
        """How the sample is built, for the manifest."""
        sample = self.sample
        return {
            "machine": "alpha",
            "family": "alpha-nt4",
            "shape": sample.entry,
            "sources": [f"samples/src/alpha/entry_{sample.entry}.S",
                        "samples/src/nt4/body.c",
                        "samples/maker/alpha_bulk.py"],
            "compiler": toolchain.compiler_version(toolchain.ALPHA),
            "flags": [*BODY_FLAGS, *nt4_build.body_defines(sample),
                      *(f"-D{name}"
                        for name in nt4_build.entry_symbols(sample)),
                      *alpha_c_build.COMPILE_FLAGS],
            "nt4": nt4_build.outside(sample, base, stamp),
        }


def samples():
    return [AlphaNt4Build(sample) for sample in alpha_nt4_samples.SAMPLES]

# SPDX-License-Identifier: Apache-2.0
"""Builds the look-alikes of nt4_samples.py: assembled and linked by GNU tools,
filled up to the published sizes, with headers by pe_shape.py."""

import functools
import tempfile
from dataclasses import dataclass
from pathlib import Path

from maker import (bulk_code, dbg_file, export_table, import_table,
                   nt4_samples, pe_shape, toolchain, version_resource)
from maker.truth import Probe, Truth, manifest_entry

NT4 = toolchain.SOURCES / "nt4"

# As near to the old compilers as gcc goes: no instruction newer than the 386,
# frames, pushed arguments, a stack aligned to four bytes.
BODY_FLAGS = [
    "-std=c11", "-Wall", "-Wextra", "-Werror", "-O1", "-march=i386",
    "-mtune=i486", "-ffreestanding", "-fno-omit-frame-pointer",
    "-mpreferred-stack-boundary=2", "-mno-stack-arg-probe",
    "-mno-accumulate-outgoing-args",
    "-fno-asynchronous-unwind-tables", "-fno-ident", "-fno-toplevel-reorder",
]
# Linked as a program with base relocations: for a DLL ld would add an export
# section of its own.
LINK_FLAGS = ["--enable-reloc-section", "--dynamicbase", "-e", "_DllEntry",
              "--section-alignment", "0x1000", "--file-alignment", "0x200",
              "--exclude-all-symbols", "--no-insert-timestamp"]

LARGEST_BULK = 400  # functions; more than any layout needs
OVERHEAD = pe_shape.SIZE_OF_HEADERS + pe_shape.MISC_SIZE
RDATA_SLACK = 0x60

# Two numbers of no meaning for the probe.
PROBE_QUALITY, PROBE_SEQUENCE = 0x1234, 7


class LayoutError(Exception):
    """The pieces cannot be fitted to the published sizes."""


@functools.lru_cache(maxsize=None)
def _bulk_offsets(padding):
    """Bytes that the first n functions take, for each n."""
    addresses = {}
    with tempfile.TemporaryDirectory(prefix="samples-") as folder:
        pool = _assemble(Path(folder), "pool", bulk_code.source(
            LARGEST_BULK, bulk_code.TABLE_WORDS, padding))
        symbols = toolchain.run("nm", pool)
    for line in symbols.splitlines():
        address, _, name = line.split()
        addresses[name] = int(address, 16)
    return [addresses[f"_Bulk{index}"] for index in range(LARGEST_BULK)]


@dataclass
class Linked:
    sections: list
    symbols: dict
    dos_header: bytes
    named: list  # dbg_file.Symbol, of all objects

    def section(self, name):
        return next(s for s in self.sections if s.name == name)


@dataclass
class Build:
    """One sample on its way: the objects that do not depend on sizes, and the
    numbers that `fit` chooses to reach them."""
    sample: nt4_samples.Nt4Sample
    folder: object
    objects: list
    bulk_count: int = 0
    table_words: int = bulk_code.TABLE_WORDS

    @property
    def layout(self):
        return nt4_samples.LAYOUTS[self.sample.layout]

    def bulk_offsets(self):
        return _bulk_offsets(self.sample.padding)

    def link(self):
        bulk = _assemble(self.folder, "bulk", bulk_code.source(
            self.bulk_count, self.table_words, self.sample.padding))
        output, map_file = self.folder / "linked.dll", self.folder / "map"
        toolchain.run("ld", *LINK_FLAGS, "--image-base",
                      hex(nt4_samples.PREFERRED_BASE), "-T", NT4 / "layout.ld",
                      "-Map", map_file, "-o", output, *self.objects, bulk)
        content = output.read_bytes()
        sections = pe_shape.read_sections(content)
        pe_shape.trim_data(sections)
        return Linked(sections,
                      toolchain.map_symbols(map_file,
                                            nt4_samples.PREFERRED_BASE),
                      content[:pe_shape.DOS_HEADER_SIZE],
                      _named(output))


def _named(linked):
    """What nm says of a linked file."""
    named = []
    for line in toolchain.run("nm", linked).splitlines():
        address, kind, name = line.split()
        rva = int(address, 16) - nt4_samples.PREFERRED_BASE
        if kind in "TtDdBbRr":
            named.append(dbg_file.Symbol(name, rva, kind.isupper(),
                                         kind == "T"))
    return named


# The names of the time for what the sources call something else: the entry,
# and functions that are labels there.
ENTRY_NAMES = {"_DllEntry": "_DllMain@12", "set_up": "_SspiSetUp@4",
               "tear_down": "_SspiTearDown@0"}
STARTUP_NAMES = {"_DllEntry": "__DllMainCRTStartup@12",
                 "dll_main": "_DllMain@12"}


def symbol_file(sample, content, linked, names=None):
    """The .dbg file of the sample, and what the manifest says of it."""
    if names is None:
        names = STARTUP_NAMES if sample.entry == "startup" else ENTRY_NAMES
    symbols = [dbg_file.Symbol(names.get(s.name, s.name), s.rva, s.external,
                               s.function or s.name in names)
               for s in linked.named
               if dbg_file.section_of(linked.sections, s.rva)]
    file = dbg_file.write(content, [
        dbg_file.misc(sample.export_name),
        dbg_file.data_of(sample.symbols, symbols, linked.sections)])
    return file, {
        "file": f"symbols/{sample.name}.dbg",
        "kind": sample.symbols,
        "functions": {s.name: s.rva for s in sorted(
            symbols, key=lambda s: s.rva) if s.function},
    }


def _assemble(folder, name, text):
    path = folder / f"{name}.s"
    path.write_text(text, encoding="ascii")
    toolchain.run("as", path, "-o", path.with_suffix(".o"))
    return path.with_suffix(".o")


def imports_of(sample):
    """The functions imported: by body.c, by the entry, by the fix."""
    prefix = "Rtl" if sample.rtl else ""
    names = {prefix + "EnterCriticalSection", prefix + "LeaveCriticalSection",
             prefix + "InitializeCriticalSection", "LocalAlloc", "LocalFree",
             "GetCurrentThreadId", *sample.imports}
    delete = prefix + "DeleteCriticalSection"
    if sample.fixed or sample.delete == "own":
        names.add(delete)
    if sample.delete == "sibling":
        names.add("RtlDeleteCriticalSection")
    return import_table.Imports(sorted(names),
                                prefix + "InitializeCriticalSection", delete,
                                sample.bound)


def body_defines(sample):
    """What body.c is compiled with for the imports of the sample."""
    defines = ["-DLOCKS_OF_NTDLL"] if sample.rtl else []
    if sample.delete:
        defines.append("-DCREDENTIAL_LOCKS")
    if sample.delete == "sibling":
        defines.append("-DSIBLING")
    if sample.recent_handles:
        defines.append(f"-DRECENT_HANDLES={sample.recent_handles}")
    return defines


def entry_symbols(sample):
    return [*sample.flags, *(["VENDOR_FIX"] if sample.fixed else [])]


def _objects(sample, folder, stamp):
    entry, body = folder / "entry.o", folder / "body.o"
    resource = folder / "version.o"
    symbols = [argument for name in entry_symbols(sample)
               for argument in ("--defsym", f"{name}=1")]
    toolchain.run("as", "-I", NT4, *symbols, NT4 / f"entry_{sample.entry}.s",
                  "-o", entry)
    toolchain.run("gcc", *BODY_FLAGS, *body_defines(sample), "-c",
                  NT4 / "body.c", "-o", body)
    version_resource.build(resource, sample.edition, sample.export_name)
    return [
        entry, body,
        _assemble(folder, "imports", import_table.source(imports_of(sample))),
        _assemble(folder, "exports",
                  export_table.sspi_source(sample.export_name, stamp)),
        resource,
    ]


def fit(build):
    """Chooses how much bulk code and how many constants make the sections as
    large as the layout says. Three links: bare, with code, with both."""
    layout, sample = build.layout, build.sample
    bare = build.link().section(".text").virtual_size
    room = layout.text_raw - sample.text_slack - bare
    offsets = build.bulk_offsets()
    build.bulk_count = max(n for n, size in enumerate(offsets) if size <= room)
    linked = build.link()
    others = sum(section.raw_size() for section in linked.sections
                 if section.name not in (".text", ".rdata"))
    rdata = layout.size - OVERHEAD - layout.text_raw - others
    spare = rdata - RDATA_SLACK - linked.section(".rdata").virtual_size
    if spare < 0:
        raise LayoutError(f"{sample.name}: .rdata is {-spare} bytes too large")
    build.table_words += spare // 4
    linked = build.link()
    size = OVERHEAD + sum(s.raw_size() for s in linked.sections)
    text_raw = linked.section(".text").raw_size()
    if (size, text_raw) != (layout.size, layout.text_raw):
        raise LayoutError(f"{sample.name}: {size} bytes, code {text_raw:#x}; "
                          f"wanted {layout.size}, {layout.text_raw:#x}")
    return linked


def between(symbols, name):
    start = symbols[name]
    return start, symbols[name + "_end"] - start


def bound_imports(sample, layout):
    stamps = {"KERNEL32.dll": layout.kernel32, "ntdll.dll": layout.ntdll}
    imports = imports_of(sample)
    bound = []
    for dll in imports.dlls():
        forwards = dll == "KERNEL32.dll" and any(
            name in import_table.FORWARDED for name in imports.of(dll))
        references = [("ntdll.dll", layout.ntdll)] if forwards else []
        bound.append((dll, stamps[dll], references))
    return bound


def _shape(sample, layout, linked):
    symbols = linked.symbols
    resource = linked.section(".rsrc")
    relocations = linked.section(".reloc")
    directories = {
        pe_shape.EXPORT: between(symbols, "export_directory"),
        pe_shape.IMPORT: between(symbols, "import_directory"),
        pe_shape.RESOURCE: (resource.rva, resource.virtual_size),
        pe_shape.BASE_RELOCATION: (relocations.rva, relocations.virtual_size),
    }
    if sample.address_table_directory:
        directories[pe_shape.ADDRESS_TABLE] = between(symbols, "address_table")
    return pe_shape.Shape(
        image_base=nt4_samples.PREFERRED_BASE, stamp=layout.stamp,
        entry=symbols["DllEntry"], symbol_count=layout.symbol_count,
        directories=directories, debug_rva=symbols["debug_directory"],
        debug_name="dll\\" + sample.export_name.replace(".dll", ".dbg"),
        bound=bound_imports(sample, layout) if sample.bound else [])


def truth(sample, bulk_count, kind=bulk_code.Function):
    """What is true of the sample; `bulk_count` functions of this kind decide
    the probe's answer."""
    answer = bulk_code.digest(bulk_count, PROBE_QUALITY, PROBE_SEQUENCE, kind)
    return Truth(
        what=f"look-alike of NT 4.0's Security.dll: {sample.what}",
        verdict="fixed" if sample.fixed else "leaks", locks=sample.locks,
        initialise_import=sample.initialise_import(),
        delete_import=sample.delete_import(),
        delete_imported=sample.fixed or sample.delete == "own",
        sibling_delete_imported=sample.delete == "sibling",
        calls=sample.calls, attach_fail=sample.attach_fail,
        probe=Probe("MakeSignature", [0, PROBE_QUALITY, 0, PROBE_SEQUENCE],
                    answer, "stdcall"),
        identity=sample.export_name.lower())


def outside(sample, base, stamp):
    """The manifest's object for what a look-alike looks like."""
    return {
        "layout": sample.layout,
        "published_in": nt4_samples.LAYOUTS[sample.layout].source,
        "edition": sample.edition.entry(),
        "image_base": base,
        "stamp": stamp,
        "bound": sample.bound,
        "address_table_directory": sample.address_table_directory,
        "export_name": sample.export_name,
        "rebased": sample.rebased,
    }


def add_symbols(sample, content, linked, entry, names=None):
    """Says in `entry` what symbols there are; gives what is to be written
    beside the sample: (path, bytes) pairs."""
    if sample.symbols is None:
        return []
    file, entry["symbols"] = symbol_file(sample, content, linked, names)
    return [(entry["symbols"]["file"], file)]


class Nt4Build:
    """A row of nt4_samples.py as the generator takes it."""

    def __init__(self, sample):
        self.sample = sample
        self.name = sample.name

    def build(self, folder):
        sample = self.sample
        layout = nt4_samples.LAYOUTS[sample.layout]
        build = Build(sample, folder, _objects(sample, folder, layout.stamp))
        linked = fit(build)
        content = pe_shape.write(_shape(sample, layout, linked),
                                 linked.sections, linked.dos_header)
        base, stamp = nt4_samples.PREFERRED_BASE, layout.stamp
        if sample.rebased:
            base = nt4_samples.WRONG_BASE
            stamp = nt4_samples.WRONG_BASE_STAMP
            content = pe_shape.rebase(content, base, stamp)
        entry = manifest_entry(self.name, content, self.describe(base, stamp),
                               truth(sample, build.bulk_count), linked.symbols)
        return content, entry, *add_symbols(sample, content, linked, entry)

    def describe(self, base, stamp):
        """How the sample is built, for the manifest."""
        sample = self.sample
        return {
            "family": "nt4",
            "shape": sample.entry,
            "sources": [f"samples/src/nt4/entry_{sample.entry}.s",
                        "samples/src/nt4/body.c",
                        "samples/maker/bulk_code.py"],
            "compiler": toolchain.compiler_version(),
            "flags": [*BODY_FLAGS, *body_defines(sample),
                      *(f"--defsym {name}=1"
                        for name in entry_symbols(sample)), *LINK_FLAGS],
            "nt4": outside(sample, base, stamp),
        }


def samples():
    return [Nt4Build(sample) for sample in nt4_samples.SAMPLES]

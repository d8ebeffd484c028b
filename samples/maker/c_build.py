# SPDX-License-Identifier: Apache-2.0
"""Builds the shapes of c_shapes.py with mingw-w64 gcc, without its C runtime:
DllMain is the entry."""

from dataclasses import dataclass, replace

from maker import c_shapes, toolchain, version_resource
from maker.truth import Probe, Truth, manifest_entry

# The linker's default, named so that the map's addresses can be turned to RVAs.
IMAGE_BASE = 0x10000000

COMMON = [
    "-std=c11", "-Wall", "-Wextra", "-Werror", "-ffreestanding",
    "-fno-asynchronous-unwind-tables", "-fno-ident", "-shared", "-s",
    "-nostartfiles", "-nodefaultlibs", "-Wl,-e,_DllMain@12", "-Wl,--kill-at",
    "-Wl,--dynamicbase", "-Wl,--no-insert-timestamp",
    f"-Wl,--image-base,{IMAGE_BASE:#x}",
]
LIBRARIES = ["-lkernel32", "-lntdll"]

# Probe(5) of dll.h.
PROBE = Probe("Probe", [5], 5 * 3 + 7)


@dataclass
class CSample:
    """One build of one shape."""
    name: str
    shape: c_shapes.Shape
    level: str
    fixed: bool
    security: bool

    @property
    def maker(self):
        return f"C at -{self.level}"

    def flags(self):
        defines = ["-DVENDOR_FIX"] if self.fixed else []
        return [f"-{self.level}", *defines, *self.shape.flags, *COMMON]

    def truth(self):
        shape = self.shape
        locks = shape.locks
        if self.fixed:
            locks = [replace(lock, deleted_on=shape.fixed_deletes_on)
                     for lock in locks]
        verdict = "fixed" if self.fixed else shape.verdict
        text = shape.what + (", as the vendor fixed it" if self.fixed else "")
        return Truth(
            what=f"{self.maker}: {text}", verdict=verdict, locks=locks,
            initialise_import=shape.initialise, delete_import=shape.delete,
            delete_imported=shape.delete_imported or self.fixed,
            sibling_delete_imported=shape.sibling,
            calls=shape.calls, attach_fail=shape.attach_fail, probe=PROBE,
            identity="security.dll" if self.security else None,
            heap_sections=shape.heap_sections,
            heap_sections_leaked=shape.heap_sections_leaked,
            note=shape.note)

    def source(self):
        stem = self.shape.source or self.shape.name
        return toolchain.SOURCES / "c" / f"{stem}.c"

    def source_names(self):
        """For the manifest."""
        return [f"samples/src/c/{self.source().name}"] + (
            ["samples/src/c/sspi.c"] if self.security else [])

    def build(self, folder):
        """Compiles and links in `folder`; gives bytes and manifest entry."""
        inputs = [self.source()]
        if self.security:
            inputs += security_inputs(folder)
        # The linker writes this name into the export directory. Without the
        # level in it, levels that make the same code make the same file.
        dll = folder / f"{self.shape.name}.dll"
        map_file = folder / f"{self.name}.map"
        flags = self.flags()
        toolchain.run("gcc", *flags, f"-Wl,-Map={map_file}", "-o", dll,
                      *inputs, *LIBRARIES)
        content = dll.read_bytes()
        symbols = toolchain.map_symbols(map_file, IMAGE_BASE)
        build = {
            "family": "c",
            "shape": self.shape.name,
            "sources": self.source_names(),
            "compiler": toolchain.compiler_version(),
            "flags": flags + LIBRARIES,
        }
        return content, manifest_entry(self.name, content, build, self.truth(),
                                       symbols)


def security_inputs(folder):
    """What turns a shape into a Security.dll by its content: SSPI exports, the
    name in the export directory, VERSIONINFO."""
    resource = folder / "security.o"
    if not resource.exists():
        version_resource.build(resource, version_resource.Edition.EXPORT)
    definition = folder / "security.def"
    definition.write_text("LIBRARY Security.dll\n", encoding="ascii")
    return [toolchain.SOURCES / "c" / "sspi.c", resource, definition]


def all_of(shapes, levels, prefix, kind, fixed_levels=None):
    """A `kind` for each shape, fix and level, in the order of the table."""
    result = []
    for shape in shapes:
        for fixed in (False, True) if shape.fixed else (False,):
            stem = f"{prefix}-{shape.name}" + ("-fixed" if fixed else "")
            for level in (fixed_levels or levels) if fixed else levels:
                result.append(kind(f"{stem}-{level}", shape, level, fixed,
                                   False))
            if shape.security:
                result.append(kind(f"{stem}-security-O2", shape, "O2", fixed,
                                   True))
    return result


def samples():
    """All C samples, in the order of the table."""
    return all_of(c_shapes.SHAPES, c_shapes.LEVELS, "c", CSample,
                  c_shapes.FIXED_LEVELS)

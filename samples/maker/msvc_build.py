# SPDX-License-Identifier: Apache-2.0
"""Builds the shapes of c_shapes.py as Microsoft's tools would: by clang for the
target i686-pc-windows-msvc, linked by lld-link against import libraries of our
own. Read-only import address table in .rdata, calls through its slots, no GNU
startup symbols. As in c_build.py, without a C runtime."""

import functools
import re
from dataclasses import dataclass
from pathlib import Path

from maker import c_build, c_shapes, pe_edit, toolchain
from maker.truth import manifest_entry

LEVEL = "O2"
COMPILE = [
    "--target=i686-pc-windows-msvc", "-std=c11", "-Wall", "-Wextra", "-Werror",
    "-ffreestanding", "-fno-ident", "-fms-extensions", "-march=i686",
    "-mno-sse", "-c",
]
LINK = [
    "/nologo", "/dll", "/machine:x86", "/subsystem:windows", "/entry:DllMain",
    "/nodefaultlib", "/dynamicbase", "/timestamp:0", "/safeseh:no",
    f"/base:{c_build.IMAGE_BASE:#x}",
]

# What the import libraries offer: names as stdcall decorates them.
DEFINITIONS = {
    "kernel32.dll": [
        "DeleteCriticalSection@4", "EnterCriticalSection@4",
        "GetEnvironmentVariableA@12", "GetModuleHandleA@4",
        "GetProcAddress@8", "InitializeCriticalSection@4",
        "InitializeCriticalSectionAndSpinCount@8",
        "InitializeCriticalSectionEx@12", "LeaveCriticalSection@4",
        "LocalAlloc@8", "LocalFree@4", "SetLastError@4", "TlsAlloc@0",
        "TlsFree@4", "TlsSetValue@8",
    ],
    "ntdll.dll": [
        "RtlDeleteCriticalSection@4", "RtlEnterCriticalSection@4",
        "RtlInitializeCriticalSection@4",
        "RtlInitializeCriticalSectionAndSpinCount@8",
        "RtlInitializeCriticalSectionEx@12", "RtlLeaveCriticalSection@4",
    ],
}

# A row of the map's "Publics by Value": section and offset, name, address.
MAP_ROW = re.compile(r"^ [0-9a-f]{4}:[0-9a-f]{8}\s+(\S+)\s+([0-9a-f]{16})\s",
                     re.M)

# Shapes that another compiler cannot make, and why not.
LEFT_OUT = {
    "switch-table": "its jump table needs an option of gcc's",
    "thunk": "import libraries of LINK's kind give the thunk no other form",
}


def run(tool, *arguments):
    return toolchain.run(tool, *arguments, prefix=toolchain.LLVM)


def import_libraries(folder):
    """Import libraries made from DEFINITIONS; -k leaves @N out of the names
    that are imported."""
    libraries = []
    for dll, names in DEFINITIONS.items():
        definition = folder / (dll + ".def")
        definition.write_text("\n".join([f"LIBRARY {dll}", "EXPORTS", *names])
                              + "\n", encoding="ascii")
        library = folder / (dll + ".lib")
        run("llvm-dlltool", "-m", "i386", "-k", "-d", definition, "-l",
            library)
        libraries.append(library)
    return libraries


@functools.lru_cache(maxsize=None)
def compiler_version():
    clang = run("clang", "--version").splitlines()[0]
    return f"{clang}; {run('lld-link', '--version').strip()}"


def map_symbols(map_file):
    """RVAs by name in the source: without C's underscore and stdcall's @N."""
    text = Path(map_file).read_text(encoding="utf-8")
    return {name.removeprefix("_").split("@")[0]:
            int(address, 16) - c_build.IMAGE_BASE
            for name, address in MAP_ROW.findall(text)}


@dataclass
class MsvcSample(c_build.CSample):
    """One shape as clang and lld-link make it."""
    maker = "C by clang for MSVC"

    def build(self, folder):
        defines = ["-DVENDOR_FIX"] if self.fixed else []
        # Flags of a shape that are not definitions are gcc's own.
        defines += [f for f in self.shape.flags if f.startswith("-D")]
        compile_flags = [f"-{self.level}", *defines, *COMPILE]
        binary, map_file = folder / "shape.obj", folder / "map"
        run("clang", *compile_flags, "-o", binary, self.source())
        dll = folder / f"{self.shape.name}.dll"
        run("lld-link", *LINK, f"/map:{map_file}", f"/out:{dll}", binary,
            *import_libraries(folder))
        content = pe_edit.Image(dll.read_bytes()).finish()
        build = {
            "family": "msvc",
            "shape": self.shape.name,
            "sources": self.source_names(),
            "compiler": compiler_version(),
            "flags": compile_flags + LINK,
        }
        return content, manifest_entry(self.name, content, build, self.truth(),
                                       map_symbols(map_file))


def samples():
    """Each shape, and its fixed counterpart, once."""
    return [
        MsvcSample(f"msvc-{shape.name}" + ("-fixed" if fixed else ""), shape,
                   LEVEL, fixed, False)
        for shape in c_shapes.SHAPES if shape.name not in LEFT_OUT
        for fixed in ((False, True) if shape.fixed else (False,))
    ]

# SPDX-License-Identifier: Apache-2.0
"""The import section of a look-alike, as assembly.

Bound as BIND leaves it in the new style (winnt.h): descriptor stamp -1, the
lookup tables by name, the address table filled with addresses, and the DLLs'
real stamps in a bound-import directory. On NT 4.0 Enter, Leave and Delete of
kernel32 are forwarders into ntdll, so that their bound addresses lie there and
the directory carries a forwarder reference; Initialize is code of kernel32.

The addresses are plausible, not published: the DLLs' usual bases on NT 4.0 and
an offset of our own. They are stale on every machine, by design.
"""

from dataclasses import dataclass

KERNEL32_BASE = 0x77f00000
NTDLL_BASE = 0x77f60000

# Name: bytes of arguments, hint, bound address.
FUNCTIONS = {
    "KERNEL32.dll": {
        "DeleteCriticalSection": (4, 79, NTDLL_BASE + 0x3c51),
        "EnterCriticalSection": (4, 97, NTDLL_BASE + 0x1ea6),
        "GetCurrentThreadId": (0, 247, KERNEL32_BASE + 0xd44b),
        "GetEnvironmentVariableA": (12, 264, KERNEL32_BASE + 0x1263a),
        "InitializeCriticalSection": (4, 441, KERNEL32_BASE + 0x14e3d),
        "LeaveCriticalSection": (4, 457, NTDLL_BASE + 0x1f0d),
        "LocalAlloc": (8, 464, KERNEL32_BASE + 0xd1b5),
        "LocalFree": (4, 468, KERNEL32_BASE + 0xd2ea),
        "SetLastError": (4, 618, KERNEL32_BASE + 0xc81f),
        "TlsAlloc": (0, 652, KERNEL32_BASE + 0x1507c),
        "TlsFree": (4, 653, KERNEL32_BASE + 0x150e6),
        "TlsSetValue": (8, 655, KERNEL32_BASE + 0xc9a0),
    },
    "ntdll.dll": {
        "RtlDeleteCriticalSection": (4, 319, NTDLL_BASE + 0x3c51),
        "RtlEnterCriticalSection": (4, 343, NTDLL_BASE + 0x1ea6),
        "RtlInitializeCriticalSection": (4, 426, NTDLL_BASE + 0x3b8c),
        "RtlLeaveCriticalSection": (4, 449, NTDLL_BASE + 0x1f0d),
    },
}

FORWARDED = {"DeleteCriticalSection", "EnterCriticalSection",
             "LeaveCriticalSection"}


@dataclass
class Imports:
    """What a sample imports, sorted by name within each DLL as linkers do."""
    names: list
    init: str    # the function that the entry initialises with
    delete: str  # the one it would delete with; used if it is in `names`
    bound: bool = True

    def of(self, dll):
        return sorted(name for name in self.names if name in FUNCTIONS[dll])

    def dlls(self):
        return [dll for dll in FUNCTIONS if self.of(dll)]


def _label(dll, kind):
    return f"_{kind}_{dll.split('.')[0]}"


def _slot(imports, dll, name):
    arguments, _, address = FUNCTIONS[dll][name]
    lines = [f".globl __imp__{name}@{arguments}", f"__imp__{name}@{arguments}:"]
    for alias, target in (("init", imports.init), ("delete", imports.delete)):
        if name == target:
            lines += [f".globl {alias}_slot", f"{alias}_slot:"]
    content = f".long {address:#x}" if imports.bound else f".rva _name_{name}"
    return lines + [content]


def _descriptors(imports):
    stamp = "-1" if imports.bound else "0"
    lines = [".globl _import_directory, _import_directory_end",
             "_import_directory:"]
    for dll in imports.dlls():
        lines += [f".rva {_label(dll, 'lookup')}", f".long {stamp}, {stamp}",
                  f".rva {_label(dll, 'dll')}", f".rva {_label(dll, 'slots')}"]
    return lines + [".long 0, 0, 0, 0, 0", "_import_directory_end:"]


def _names(imports):
    lines = []
    for dll in imports.dlls():
        for name in imports.of(dll):
            lines += [".p2align 1", f"_name_{name}: .short "
                      f"{FUNCTIONS[dll][name][1]}", f'.asciz "{name}"']
        lines += [".p2align 1", f'{_label(dll, "dll")}: .asciz "{dll}"']
    return lines


def source(imports):
    """Assembly: descriptors, lookup tables, address tables, names."""
    lines = ['.section .idata, "dw"', ".p2align 2", *_descriptors(imports)]
    for dll in imports.dlls():
        lines += [f"{_label(dll, 'lookup')}:"]
        lines += [f".rva _name_{name}" for name in imports.of(dll)]
        lines += [".long 0"]
    lines += [".globl _address_table, _address_table_end", "_address_table:"]
    for dll in imports.dlls():
        lines += [f"{_label(dll, 'slots')}:"]
        for name in imports.of(dll):
            lines += _slot(imports, dll, name)
        lines += [".long 0"]
    lines += ["_address_table_end:", *_names(imports)]
    lines += ['.section .text$thunk, "xr"', ".p2align 2, 0xcc"]
    for alias, target in (("init", imports.init), ("delete", imports.delete)):
        if target in imports.names:
            lines += [f".globl {alias}_thunk", f"{alias}_thunk:",
                      f"jmp *{alias}_slot"]
    return "\n".join(lines) + "\n"

# SPDX-License-Identifier: Apache-2.0
"""The import section of a look-alike, as assembly.

Bound as BIND leaves it in the new style (winnt.h): descriptor stamp -1, the
lookup tables by name, the address table filled with addresses, and the DLLs'
real stamps in a bound-import directory. On NT 4.0 Enter, Leave and Delete of
kernel32 are forwarders into ntdll, so that their bound addresses lie there and
the directory carries a forwarder reference; Initialize is code of kernel32.

The addresses are plausible, not published: the DLLs' usual bases on NT 4.0 and
an offset of our own. They are stale on every machine, by design. For Alpha the
bases are not published either, and these serve as well.
"""

from dataclasses import dataclass, field

from maker.dialect import I386

KERNEL32_BASE = 0x77f00000
NTDLL_BASE = 0x77f60000

# Name: bytes of arguments, hint, bound address.
FUNCTIONS = {
    "KERNEL32.dll": {
        "DeleteCriticalSection": (4, 79, NTDLL_BASE + 0x3c51),
        "EnterCriticalSection": (4, 97, NTDLL_BASE + 0x1ea6),
        "GetCurrentThreadId": (0, 247, KERNEL32_BASE + 0xd44b),
        "GetEnvironmentVariableA": (12, 264, KERNEL32_BASE + 0x1263a),
        "GetModuleHandleA": (4, 287, KERNEL32_BASE + 0xd32c),
        "GetProcAddress": (8, 310, KERNEL32_BASE + 0xd1f0),
        "InitializeCriticalSection": (4, 441, KERNEL32_BASE + 0x14e3d),
        "InitializeCriticalSectionAndSpinCount":
            (8, 442, KERNEL32_BASE + 0x14e60),
        "InitializeCriticalSectionEx": (12, 443, KERNEL32_BASE + 0x14e90),
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
        "RtlInitializeCriticalSectionAndSpinCount":
            (8, 427, NTDLL_BASE + 0x3bb0),
        "RtlInitializeCriticalSectionEx": (12, 428, NTDLL_BASE + 0x3bd0),
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
    # Functions called by name through a thunk, beside init and delete.
    thunks: list = field(default_factory=list)

    def of(self, dll):
        return sorted(name for name in self.names if name in FUNCTIONS[dll])

    def dlls(self):
        return [dll for dll in FUNCTIONS if self.of(dll)]


class _Table:
    """The lines of the table, in one machine's dialect."""

    def __init__(self, imports, dialect):
        self.imports = imports
        self.dialect = dialect

    def label(self, dll, kind):
        return self.dialect.name(f"{kind}_{dll.split('.')[0]}")

    def global_label(self, *names):
        """Makes them global and puts the first one here."""
        names = [self.dialect.name(name) for name in names]
        return [f".globl {', '.join(names)}", f"{names[0]}:"]

    def aliases(self, name):
        """What the entry calls the slot of `name`."""
        return [alias for alias, target in (("init", self.imports.init),
                                            ("delete", self.imports.delete))
                if name == target]

    def slot(self, dll, name):
        arguments, _, address = FUNCTIONS[dll][name]
        symbol = self.dialect.slot(name, arguments)
        lines = [f".globl {symbol}", f"{symbol}:"]
        for alias in self.aliases(name):
            lines += [f".globl {alias}_slot", f"{alias}_slot:"]
        if self.imports.bound:
            return lines + [f".long {self.dialect.code_address(address):#x}"]
        return lines + [self.dialect.rva(f"_name_{name}")]

    def descriptors(self):
        rva, label = self.dialect.rva, self.label
        stamp = "-1" if self.imports.bound else "0"
        lines = self.global_label("import_directory", "import_directory_end")
        for dll in self.imports.dlls():
            lines += [rva(label(dll, "lookup")), f".long {stamp}, {stamp}",
                      rva(label(dll, "dll")), rva(label(dll, "slots"))]
        return lines + [".long 0, 0, 0, 0, 0",
                        f"{self.dialect.name('import_directory_end')}:"]

    def lookup_tables(self):
        lines = []
        for dll in self.imports.dlls():
            lines += [f"{self.label(dll, 'lookup')}:"]
            lines += [self.dialect.rva(f"_name_{name}")
                      for name in self.imports.of(dll)]
            lines += [".long 0"]
        return lines

    def address_tables(self):
        lines = self.global_label("address_table", "address_table_end")
        for dll in self.imports.dlls():
            lines += [f"{self.label(dll, 'slots')}:"]
            for name in self.imports.of(dll):
                lines += self.slot(dll, name)
            lines += [".long 0"]
        return lines + [f"{self.dialect.name('address_table_end')}:"]

    def names(self):
        lines = []
        for dll in self.imports.dlls():
            for name in self.imports.of(dll):
                lines += [".p2align 1", f"_name_{name}: .short "
                          f"{FUNCTIONS[dll][name][1]}", f'.asciz "{name}"']
            lines += [".p2align 1", f'{self.label(dll, "dll")}: .asciz "{dll}"']
        return lines

    def thunks(self):
        pairs = [(f"{alias}_thunk", f"{alias}_slot")
                 for alias in ("init", "delete")
                 if getattr(self.imports, alias) in self.imports.names]
        pairs += [(name, self.dialect.slot(name, 0))
                  for name in self.imports.thunks]
        return self.dialect.thunks(pairs) if pairs else []


def source(imports, dialect=I386):
    """Assembly: descriptors, lookup tables, address tables, names, thunks."""
    table = _Table(imports, dialect)
    lines = [dialect.section(".idata", "w"), ".p2align 2",
             *table.descriptors(), *table.lookup_tables(),
             *table.address_tables(), *table.names(), *table.thunks()]
    return "\n".join(lines) + "\n"

# SPDX-License-Identifier: Apache-2.0
"""The look-alikes of NT 4.0's Security.dll, one row a sample.

What is published about the shipped files is in LAYOUTS, with its source. What
is not published (section names, code, imports, ordinals, checksums, the stamps
of most builds) is ours.
"""

from dataclasses import dataclass, field

from maker.truth import (ALWAYS, AttachFail, DELETE, INITIALIZE, KERNEL32,
                         Lock, RTL_DELETE, RTL_INITIALIZE)
from maker.version_resource import Edition


@dataclass(frozen=True)
class Layout:
    """The outside of one published build."""
    source: str  # where it is published
    size: int  # of the file, bytes
    text_raw: int  # SizeOfCode
    stamp: int  # TimeDateStamp
    kernel32: int  # stamps of the DLLs that it is bound to
    ntdll: int
    symbol_count: int = 0


# Sizes and dates: the KB articles named. The stamp is the article's file date
# (UTC), for SP2 the day of its release. SizeOfCode is published for SP2 alone;
# its file size is the sum of headers, sections and debug record. Stamps of
# kernel32 and ntdll: geoffchappell.com, the histories of the two DLLs.
LAYOUTS = {
    "sp2": Layout("KB Q153658", 0x400 + 0x7800 + 0x2e00 + 0x110, 0x7800,
                  0x32b1ee00, 0x31f7ebab, 0x329f4942, 0x2d7),
    "sp3": Layout("KB Q172965", 45328, 0x7a00, 0x3367dd00, 0x3361070b,
                  0x334ea15a),
    "sp5": Layout("KB Q235373", 58640, 0xa400, 0x37284ab0, 0x36d9d5f3,
                  0x36d5e9a4),
    "sp6a-128": Layout("KB Q322051", 59152, 0xa600, 0x37ea0920, 0x3794f60f,
                       0x3786600b),
    "sp6a-56": Layout("KB Q322051", 59152, 0xa600, 0x3833eb30, 0x3794f60f,
                      0x3786600b),
    "q238185": Layout("KB Q238185", 59664, 0xa800, 0x3872b284, 0x3794f60f,
                      0x3786600b),
    # The one file for Alpha whose size is published. The stamps of that
    # machine's kernel32 and ntdll are not: those of i386 stand in.
    "alpha-q238185": Layout("KB Q238185", 99600, 0xf000, 0x3872b0a4,
                            0x3794f60f, 0x3786600b),
}

PREFERRED_BASE = 0x77a80000  # KB Q153658: the right base
WRONG_BASE = 0x46480000  # KB Q153658: base and stamp of the header shown
WRONG_BASE_STAMP = 0x3338158d


@dataclass
class Nt4Sample:
    name: str
    what: str
    layout: str = "sp5"
    entry: str = "dec_jz"  # src/nt4/entry_*.s
    edition: Edition = Edition.EXPORT
    fixed: bool = False
    locks: list = field(default_factory=lambda: [Lock("SspiLock")])
    rtl: bool = False  # ntdll's names for all of the pair
    # Where an import of a delete function comes from besides the fix: "own"
    # (that of the pair), "sibling" (the other DLL's), or nothing.
    delete: str = None
    # Functions that only the entry imports.
    imports: list = field(default_factory=list)
    flags: list = field(default_factory=list)  # symbols for the entry
    calls: dict = field(default_factory=dict)
    attach_fail: AttachFail = None
    bound: bool = True
    address_table_directory: bool = True
    recent_handles: int = 256  # words of uninitialised data in body.c
    padding: int = 0xcc  # between functions
    text_slack: int = 0x120  # about as many free bytes behind the code
    export_name: str = "Security.dll"
    rebased: bool = False
    symbols: str = None  # a .dbg file of this kind (dbg_file.KINDS)

    def initialise_import(self):
        return RTL_INITIALIZE if self.rtl else INITIALIZE

    def delete_import(self):
        return RTL_DELETE if self.rtl else DELETE


def _k32(*names):
    return [KERNEL32 + name for name in names]


WORK = {
    "attach": _k32("TlsAlloc", "LocalAlloc"),
    "detach": _k32("LocalFree", "TlsFree"),
    "process_exit": _k32("LocalFree", "TlsFree"),
    "thread_attach": _k32("TlsSetValue"),
}
WORK_IMPORTS = ["TlsAlloc", "TlsFree", "TlsSetValue"]
THREADS = {
    "thread_attach": _k32("SetLastError"),
    "thread_detach": _k32("SetLastError"),
}
FAILING = {"attach": _k32("GetEnvironmentVariableA")}
DELETED = [Lock("SspiLock", ALWAYS)]
EXPORT, DOMESTIC, STANDARD = Edition.EXPORT, Edition.DOMESTIC, Edition.STANDARD

SAMPLES = [
    Nt4Sample("nt4-sp3-dec-jz", "dec/jz chain, Delete not imported", "sp3",
              recent_handles=0, symbols="coff"),
    Nt4Sample("nt4-sp5-switch", "switch through a jump table in the code, "
              "Delete imported", entry="switch", delete="own",
              symbols="coff-rva"),
    Nt4Sample("nt4-sp5-128-if-chain", "chain of comparisons, ntdll names, "
              "Delete not imported", entry="if_chain", edition=DOMESTIC,
              rtl=True),
    Nt4Sample("nt4-sp3-128-no-detach", "no detach case, ntdll names, Delete "
              "imported", "sp3", entry="no_detach", edition=DOMESTIC, rtl=True,
              delete="own", padding=0x90, recent_handles=0),
    Nt4Sample("nt4-sp5-no-frame", "dec/jz chain without a frame, an exit for "
              "each case", entry="no_frame", padding=0x90),
    Nt4Sample("nt4-sp5-work", "detach frees a buffer and a TLS index",
              entry="work", imports=WORK_IMPORTS, calls=WORK),
    Nt4Sample("nt4-sp3-helper", "attach and detach are helper functions",
              "sp3", entry="helper", delete="own", symbols="codeview"),
    Nt4Sample("nt4-sp5-thunk", "calls through jmp [slot]", entry="thunk"),
    Nt4Sample("nt4-sp5-128-register", "two sections, initialised through a "
              "register", entry="register", edition=DOMESTIC,
              locks=[Lock("SspiLock"), Lock("SspiListLock")]),
    Nt4Sample("nt4-sp5-sibling", "kernel32's Initialize, and ntdll's Delete "
              "imported", entry="if_chain", delete="sibling"),
    Nt4Sample("nt4-sp5-threads", "thread reasons call an import",
              flags=["THREADS"], imports=["SetLastError"], calls=THREADS),
    Nt4Sample("nt4-sp5-fail-early", "attach can fail before the section is "
              "initialised", entry="failing",
              imports=["GetEnvironmentVariableA"], calls=FAILING,
              attach_fail=AttachFail(0)),
    Nt4Sample("nt4-sp5-fail-late", "attach can fail after the section is "
              "initialised", entry="failing", flags=["FAIL_LATE"],
              imports=["GetEnvironmentVariableA"], calls=FAILING,
              attach_fail=AttachFail(1)),
    Nt4Sample("nt4-sp5-startup", "a start-up function in front of DllMain",
              entry="startup", symbols="coff"),
    Nt4Sample("nt4-sp5-no-iat", "no import-address-table directory",
              address_table_directory=False),
    Nt4Sample("nt4-sp5-unbound", "no bound imports", bound=False),
    Nt4Sample("nt4-sp5-secur128", "named Secur128.dll, as French builds have "
              "it (KB Q229647)", edition=DOMESTIC, entry="no_frame",
              export_name="Secur128.dll"),
    Nt4Sample("nt4-sp2-128", "the published header of KB Q153658, at the "
              "right base", "sp2", edition=DOMESTIC, text_slack=0x80),
    Nt4Sample("nt4-sp2-128-rebased", "the published header of KB Q153658: "
              "rebased to 46480000, with a stamp and checksum of its own",
              "sp2", edition=DOMESTIC, text_slack=0x80, rebased=True),
    Nt4Sample("nt4-sp6a-128-fixed", "fixed, dec/jz chain", "sp6a-128",
              edition=DOMESTIC, fixed=True, locks=DELETED),
    Nt4Sample("nt4-sp6a-56-fixed", "fixed, switch", "sp6a-56", entry="switch",
              edition=STANDARD, fixed=True, locks=DELETED),
    Nt4Sample("nt4-q238185-fixed", "fixed, deletes unless the process ends",
              "q238185", entry="guarded", edition=STANDARD, fixed=True,
              locks=[Lock("SspiLock", ("detach",))]),
    Nt4Sample("nt4-sp6a-rtl-fixed", "fixed, chain of comparisons, ntdll names",
              "sp6a-128", entry="if_chain", edition=DOMESTIC, rtl=True,
              fixed=True, locks=DELETED),
    Nt4Sample("nt4-sp6a-work-fixed", "fixed, beside other detach work",
              "sp6a-56", entry="work", edition=STANDARD, fixed=True,
              imports=WORK_IMPORTS, calls=WORK, locks=DELETED),
    Nt4Sample("nt4-sp6a-helper-fixed", "fixed, in a helper function",
              "sp6a-56", entry="helper", edition=STANDARD, fixed=True,
              locks=DELETED),
    Nt4Sample("nt4-sp6a-thunk-fixed", "fixed, through a thunk", "sp6a-56",
              entry="thunk", edition=STANDARD, fixed=True, locks=DELETED),
    Nt4Sample("nt4-sp6a-register-fixed", "fixed, two sections through a "
              "register", "sp6a-56", entry="register", edition=STANDARD,
              fixed=True, locks=[Lock("SspiLock", ALWAYS),
                                 Lock("SspiListLock", ALWAYS)]),
    Nt4Sample("nt4-sp6a-failing-fixed", "fixed, attach can fail", "sp6a-56",
              entry="failing", edition=STANDARD, fixed=True, locks=DELETED,
              imports=["GetEnvironmentVariableA"], calls=FAILING,
              attach_fail=AttachFail(0)),
    Nt4Sample("nt4-sp6a-startup-fixed", "fixed, a start-up function in front "
              "of DllMain", "sp6a-56", entry="startup", edition=STANDARD,
              fixed=True, locks=DELETED, symbols="codeview-long"),
]

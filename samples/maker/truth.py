# SPDX-License-Identifier: Apache-2.0
"""What is true of a sample, as its source says it, and its manifest entry."""

import hashlib
from dataclasses import asdict, dataclass, field

KERNEL32 = "kernel32.dll!"
NTDLL = "ntdll.dll!"
INITIALIZE = KERNEL32 + "InitializeCriticalSection"
DELETE = KERNEL32 + "DeleteCriticalSection"
RTL_INITIALIZE = NTDLL + "RtlInitializeCriticalSection"
RTL_DELETE = NTDLL + "RtlDeleteCriticalSection"

# Lock.deleted_on, where lpvReserved makes no difference.
ALWAYS = ("detach", "process_exit")

REASONS = ("attach", "detach", "process_exit", "thread_attach",
           "thread_detach")

# What an import has to answer for the attach of a sample to succeed, where the
# sample looks at the answer. "pointer" is the address of memory of the size
# that was asked for.
SUCCESS = {
    KERNEL32 + "GetEnvironmentVariableA": 0,
    KERNEL32 + "InitializeCriticalSectionAndSpinCount": 1,
    KERNEL32 + "InitializeCriticalSectionEx": 1,
    KERNEL32 + "LocalAlloc": "pointer",
    KERNEL32 + "LocalFree": 0,
    KERNEL32 + "TlsAlloc": 5,
    KERNEL32 + "TlsFree": 1,
    NTDLL + "RtlInitializeCriticalSectionAndSpinCount": 0,
    NTDLL + "RtlInitializeCriticalSectionEx": 0,
    RTL_INITIALIZE: 0,
    RTL_DELETE: 0,
}


@dataclass(frozen=True)
class Lock:
    """A critical section that attach initialises: a symbol of the source and
    the bytes behind it, and the reasons ("detach": with lpvReserved NULL,
    "process_exit") on which it is deleted again."""
    symbol: str
    deleted_on: tuple = ()
    offset: int = 0

    @property
    def leaked(self):
        return "detach" not in self.deleted_on


@dataclass(frozen=True)
class AttachFail:
    """How to make attach return FALSE, how many sections it then initialises,
    and how many of those it deletes itself before it returns."""
    initialised: int
    deleted: int = 0

    def entry(self):
        return {
            "import": KERNEL32 + "GetEnvironmentVariableA",
            "returns": 1,
            "environment": {"DETACHFIX_FAIL_ATTACH": "1"},
            "sections_initialised": self.initialised,
            "sections_deleted": self.deleted,
        }


@dataclass(frozen=True)
class Probe:
    """An export to call, and the answer its source says it gives."""
    export: str
    args: list
    result: int  # as an unsigned 32-bit number
    convention: str = "cdecl"


@dataclass
class Truth:
    what: str
    verdict: str  # "leaks", "fixed", "not-applicable", "unknown"
    locks: list = field(default_factory=list)
    initialise_import: str = None
    delete_import: str = None
    delete_imported: bool = False
    sibling_delete_imported: bool = False
    calls: dict = field(default_factory=dict)  # reason -> other imports
    attach_fail: AttachFail = None
    probe: Probe = None
    identity: str = None
    heap_sections: int = 0  # attach makes so many outside the image
    heap_sections_leaked: int = 0
    note: str = None


def _imports_whose_answer_counts(truth):
    names = {name for calls in truth.calls.values() for name in calls}
    names |= {truth.initialise_import, truth.delete_import}
    return {name: SUCCESS[name] for name in sorted(names & SUCCESS.keys())}


def manifest_entry(name, content, build, truth, symbols):
    """The manifest's object for one sample. `symbols` are RVAs by name, from
    the linker's map; C names carry the leading underscore of i386."""
    sections = [{
        "symbol": lock.symbol + (f"+{lock.offset}" if lock.offset else ""),
        "rva": symbols[lock.symbol] + lock.offset,
        "leaked": lock.leaked,
        "deleted_on": list(lock.deleted_on),
    } for lock in truth.locks]
    return {
        "name": name,
        "file": name + ".dll",
        "size": len(content),
        "sha256": hashlib.sha256(content).hexdigest(),
        "what": truth.what,
        "machine": "i386",
        **build,
        "identity": truth.identity,
        "verdict": truth.verdict,
        "fixed_by": "vendor" if truth.verdict == "fixed" else None,
        "critical_sections": sections,
        "heap_sections": {"initialised": truth.heap_sections,
                          "leaked": truth.heap_sections_leaked},
        "leaked_per_cycle": sum(lock.leaked for lock in truth.locks) +
        truth.heap_sections_leaked,
        "initialise_import": truth.initialise_import,
        "delete_import": truth.delete_import,
        "delete_imported": truth.delete_imported,
        "sibling_delete_imported": truth.sibling_delete_imported,
        "other_calls": {reason: truth.calls.get(reason, [])
                        for reason in REASONS},
        "import_returns": _imports_whose_answer_counts(truth),
        "attach_fail": truth.attach_fail and truth.attach_fail.entry(),
        "probe": asdict(truth.probe),
        "symbols": None,
        "note": truth.note,
    }

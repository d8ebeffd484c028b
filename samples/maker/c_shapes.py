# SPDX-License-Identifier: Apache-2.0
"""The truth about each shape in src/c, one row a shape.

A row says what the source does without VENDOR_FIX. Where the source has a fix,
`fixed` says what becomes of it, and a second sample is made from the row. To
add a shape: a source in src/c, a row here.
"""

from dataclasses import dataclass, field

from maker.truth import (ALWAYS, AttachFail, DELETE, INITIALIZE, KERNEL32,
                         Lock, NTDLL, RTL_DELETE, RTL_INITIALIZE)

LOCAL_ALLOC = KERNEL32 + "LocalAlloc"
LOCAL_FREE = KERNEL32 + "LocalFree"
SET_LAST_ERROR = KERNEL32 + "SetLastError"
TLS_ALLOC = KERNEL32 + "TlsAlloc"
TLS_FREE = KERNEL32 + "TlsFree"
TLS_SET_VALUE = KERNEL32 + "TlsSetValue"
GET_ENVIRONMENT = KERNEL32 + "GetEnvironmentVariableA"
GET_MODULE = KERNEL32 + "GetModuleHandleA"
GET_PROC = KERNEL32 + "GetProcAddress"

LEVELS = ("O0", "O1", "O2", "O3", "Os")
# The fixed counterparts are made at fewer, to keep the set small.
FIXED_LEVELS = ("O0", "O2", "Os")


@dataclass
class Shape:
    name: str
    what: str
    source: str = None  # file stem in src/c; the name, unless given
    fixed: bool = True  # VENDOR_FIX makes a counterpart
    verdict: str = "leaks"
    locks: list = field(default_factory=lambda: [Lock("g_lock")])
    initialise: str = INITIALIZE
    delete: str = DELETE
    delete_imported: bool = False  # without the fix
    sibling: bool = False  # the other DLL's delete function is imported
    fixed_deletes_on: tuple = ALWAYS
    calls: dict = field(default_factory=dict)
    attach_fail: AttachFail = None
    flags: list = field(default_factory=list)
    heap_sections: int = 0  # made by attach, outside the image
    heap_sections_leaked: int = 0
    security: bool = False  # also made once with the identity of Security.dll
    note: str = None


def both(calls):
    """Detach and process exit alike."""
    return {"detach": calls, "process_exit": calls}


SHAPES = [
    Shape("switch", "a switch on the reason", security=True),
    Shape("switch-table", "a switch through a jump table, with work in each "
          "case", source="switch_table",
          flags=["-fno-tree-switch-conversion",
                 "--param=case-values-threshold=3"],
          calls={"attach": [TLS_ALLOC], **both([TLS_FREE]),
                 "thread_attach": [TLS_SET_VALUE],
                 "thread_detach": [TLS_SET_VALUE]}),
    Shape("if-chain", "a chain of ifs on the reason that return early",
          source="if_chain"),
    Shape("no-detach", "no detach case at all", source="no_detach",
          fixed=False, security=True),
    Shape("detach-work", "detach frees a buffer of its own",
          source="detach_work", security=True,
          calls={"attach": [LOCAL_ALLOC], **both([LOCAL_FREE])}),
    Shape("init-helper", "initialised in a helper function",
          source="init_helper"),
    Shape("reason-helper", "the reason is handed to a helper that decides",
          source="reason_helper", fixed_deletes_on=("detach",)),
    Shape("thunk", "imports called through jmp [slot] thunks",
          calls={"attach": [SET_LAST_ERROR]}),
    Shape("register", "two sections, imports called through a register; one "
          "is deleted, the other is not",
          locks=[Lock("g_lock"), Lock("g_queue_lock", ALWAYS)],
          delete_imported=True),
    Shape("two-sections", "two sections, neither deleted",
          source="two_sections",
          locks=[Lock("g_lock"), Lock("g_list_lock")]),
    Shape("array", "three sections in an array, initialised in a loop",
          locks=[Lock("g_locks", offset=24 * i) for i in range(3)]),
    Shape("struct-member", "a section inside a global object",
          source="struct_member", locks=[Lock("g_cache", offset=4)]),
    Shape("flag-guard", "a flag set on attach guards the detach work",
          source="flag_guard"),
    Shape("reserved-guard", "deletes unless the process ends",
          source="reserved_guard", fixed=False, verdict="fixed",
          locks=[Lock("g_lock", ("detach",))], delete_imported=True),
    Shape("reserved-wrong", "deletes only when the process ends, which is the "
          "wrong way round", source="reserved_guard", fixed=False,
          locks=[Lock("g_lock", ("process_exit",))], delete_imported=True,
          flags=["-DWRONG_WAY"]),
    Shape("fail-early", "attach can return FALSE before the section is "
          "initialised", source="fail_early",
          calls={"attach": [GET_ENVIRONMENT], **both([SET_LAST_ERROR])},
          attach_fail=AttachFail(0)),
    Shape("fail-late", "attach can return FALSE after the section is "
          "initialised", source="fail_late",
          calls={"attach": [GET_ENVIRONMENT]}, attach_fail=AttachFail(1)),
    Shape("thread-work", "thread reasons call an import", source="thread_work",
          calls={"thread_attach": [SET_LAST_ERROR],
                 "thread_detach": [SET_LAST_ERROR]}),
    Shape("zero-return", "returns the reason itself", source="zero_return"),
    Shape("rtl", "initialised by ntdll's name", initialise=RTL_INITIALIZE,
          delete=RTL_DELETE),
    Shape("rtl-delete-imported", "initialised by ntdll's name, whose delete "
          "function an export uses", source="rtl", fixed=False,
          initialise=RTL_INITIALIZE, delete=RTL_DELETE, delete_imported=True,
          flags=["-DDELETE_IMPORTED"]),
    Shape("delete-imported", "no detach case, and an export uses the delete "
          "function", source="delete_imported", fixed=False,
          delete_imported=True, security=True),
    Shape("sibling", "initialised by kernel32's name, and an export uses "
          "ntdll's delete function", source="delete_imported", fixed=False,
          sibling=True, flags=["-DSIBLING"]),
    Shape("spin-count", "initialised with a spin count", source="spin_count",
          initialise=KERNEL32 + "InitializeCriticalSectionAndSpinCount"),
    Shape("init-ex", "initialised by InitializeCriticalSectionEx",
          source="init_ex",
          initialise=KERNEL32 + "InitializeCriticalSectionEx"),
    Shape("no-section", "no critical section", source="no_section",
          fixed=False, verdict="not-applicable", locks=[], initialise=None,
          delete=None, security=True,
          calls={"attach": [TLS_ALLOC], **both([TLS_FREE])}),
    Shape("lazy-section", "the section is made by an export, not on attach",
          source="lazy_section", fixed=False, verdict="not-applicable",
          locks=[], calls=both([SET_LAST_ERROR])),
    Shape("pointer-table", "a handler for each reason, called through a "
          "table of function pointers", source="pointer_table"),
    Shape("deep-helpers", "initialised four calls below DllMain, the address "
          "handed down", source="deep_helpers"),
    Shape("shared-helper", "one helper for attach and detach, which calls what "
          "it is handed", source="shared_helper",
          locks=[Lock("g_locks", offset=24 * i) for i in range(2)]),
    Shape("known-pointer", "section and functions reached through initialised "
          "pointers", source="known_pointer"),
    Shape("three-sections", "three sections as in KB Q241480, none deleted",
          source="three_sections", calls=both([SET_LAST_ERROR]),
          locks=[Lock("g_lock"), Lock("g_adapter_lock"),
                 Lock("g_route_lock")]),
    Shape("computed", "sections at computed addresses, made in a loop",
          locks=[Lock("g_pool", offset=24 * i) for i in (3, 1)]),
    Shape("delete-other", "detach deletes another section than the one "
          "forgotten", source="delete_other",
          locks=[Lock("g_lock"), Lock("g_lock2", ALWAYS)],
          delete_imported=True),
    Shape("error-path", "deleted only where attach fails",
          source="error_path", delete_imported=True,
          calls={"attach": [GET_ENVIRONMENT]},
          attach_fail=AttachFail(1, deleted=1)),
    Shape("heap", "the section lies on the heap and is leaked", fixed=False,
          verdict="unknown", locks=[], heap_sections=1,
          heap_sections_leaked=1,
          calls={"attach": [LOCAL_ALLOC], **both([LOCAL_FREE])},
          note="where a section on the heap lies, the file does not tell"),
    Shape("heap-deleted", "the section lies on the heap and is deleted",
          source="heap", fixed=False, verdict="not-applicable", locks=[],
          heap_sections=1, delete_imported=True, flags=["-DVENDOR_FIX"],
          calls={"attach": [LOCAL_ALLOC], **both([LOCAL_FREE])},
          note="no section at a fixed place, and nothing leaks"),
    Shape("rtl-others", "initialised by ntdll's names with a spin count and "
          "with flags", source="rtl_others",
          locks=[Lock("g_lock"), Lock("g_queue_lock")],
          initialise=NTDLL + "RtlInitializeCriticalSectionEx",
          delete=RTL_DELETE),
    Shape("runtime", "a C runtime's entry with initialisers and a list of "
          "functions to run at the end", calls=both([SET_LAST_ERROR]),
          locks=[Lock("g_lock"), Lock("g_runtime_lock", ALWAYS)],
          delete_imported=True),
    Shape("tls-callback", "a TLS callback makes the section",
          source="tls_callback", calls=both([SET_LAST_ERROR])),
    Shape("environment", "whether detach deletes depends on the environment",
          fixed=False, verdict="unknown",
          locks=[Lock("g_lock", ALWAYS)], delete_imported=True,
          calls=both([GET_ENVIRONMENT]),
          note="deletes when GetEnvironmentVariableA answers 0, leaks "
               "otherwise"),
    Shape("looked-up", "the section is initialised through an address from "
          "GetProcAddress", source="looked_up", fixed=False,
          initialise=None, delete=None,
          calls={"attach": [GET_MODULE, GET_PROC] * 3},
          note="it leaks, but nothing in the import table says so"),
]

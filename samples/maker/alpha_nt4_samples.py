# SPDX-License-Identifier: Apache-2.0
"""The look-alikes of NT 4.0's Security.dll for Alpha, one row a sample.

Published of the shipped file: its size in the hotfix of KB Q238185, 99,600
bytes, and that file's date. All rows have that size, the leaking ones too,
whose own is not published. As on i386 the rest is ours.
"""

from dataclasses import dataclass

from maker.nt4_samples import (DELETED, DOMESTIC, FAILING, STANDARD, THREADS,
                               WORK, WORK_IMPORTS, Nt4Sample)
from maker.truth import ALWAYS, AttachFail, Lock


@dataclass
class AlphaNt4Sample(Nt4Sample):
    layout: str = "alpha-q238185"
    entry: str = "chain"  # src/alpha/entry_*.S
    # A base moves by 64 KB, so that LOW relocations change nothing and a
    # linker may leave them out.
    low_relocations: bool = True


def _fixed(name, what, **rest):
    rest.setdefault("locks", DELETED)
    return AlphaNt4Sample(f"alpha-nt4-{name}-fixed", f"fixed, {what}",
                          edition=STANDARD, fixed=True, **rest)


def _leaking(name, what, **rest):
    return AlphaNt4Sample(f"alpha-nt4-{name}", what, **rest)


ENVIRONMENT = ["GetEnvironmentVariableA"]
TWO = [Lock("SspiLock"), Lock("SspiListLock")]
TWO_DELETED = [Lock("SspiLock", ALWAYS), Lock("SspiListLock", ALWAYS)]

SAMPLES = [
    _leaking("chain", "reason counted down, Delete not imported",
             symbols="coff"),
    _leaking("if-chain", "chain of comparisons, Delete imported",
             entry="if_chain", delete="own"),
    _leaking("switch", "switch through a table in the code, Delete imported",
             entry="switch", delete="own"),
    _leaking("128-no-detach", "no detach case, ntdll names, Delete imported",
             entry="no_detach", edition=DOMESTIC, rtl=True, delete="own"),
    _leaking("rtl", "ntdll names, Delete not imported", entry="if_chain",
             rtl=True),
    _leaking("sibling", "kernel32's Initialize, and ntdll's Delete imported",
             entry="if_chain", delete="sibling"),
    _leaking("work", "detach frees a buffer and a TLS index", entry="work",
             imports=WORK_IMPORTS, calls=WORK),
    _leaking("helper", "attach and detach are helper functions",
             entry="helper", delete="own",
             symbols="coff-rva"),
    _leaking("thunk", "calls through functions that jump", entry="thunk"),
    _leaking("register", "two sections, initialised through a register",
             entry="register", locks=TWO),
    _leaking("select", "conditional moves choose what is called",
             entry="select", delete="own"),
    _leaking("threads", "thread reasons call an import", flags=["THREADS"],
             imports=["SetLastError"], calls=THREADS, delete="own"),
    _leaking("fail-early", "attach can fail before the section is "
             "initialised", entry="failing", imports=ENVIRONMENT,
             calls=FAILING, attach_fail=AttachFail(0), delete="own"),
    _leaking("fail-late", "attach can fail after the section is initialised",
             entry="failing", flags=["FAIL_LATE"], imports=ENVIRONMENT,
             calls=FAILING, attach_fail=AttachFail(1)),
    _leaking("startup", "a start-up function in front of DllMain",
             entry="startup", delete="own", symbols="codeview"),
    _leaking("no-iat", "no import-address-table directory",
             address_table_directory=False),
    _leaking("unbound", "no bound imports", bound=False),
    _leaking("no-low", "no LOW relocations", low_relocations=False,
             entry="if_chain", delete="own"),
    _leaking("no-room", "hardly a byte behind the code", text_slack=0x30,
             delete="own", recent_handles=0),
    _fixed("q238185", "deletes unless the process ends", entry="guarded",
           locks=[Lock("SspiLock", ("detach",))]),
    _fixed("chain", "reason counted down"),
    _fixed("rtl", "chain of comparisons, ntdll names", entry="if_chain",
           rtl=True),
    _fixed("switch", "switch", entry="switch"),
    _fixed("work", "beside other detach work", entry="work",
           imports=WORK_IMPORTS, calls=WORK),
    _fixed("helper", "in a helper function", entry="helper"),
    _fixed("thunk", "through functions that jump", entry="thunk"),
    _fixed("register", "two sections through a register", entry="register",
           locks=TWO_DELETED),
    _fixed("select", "conditional moves choose what is called",
           entry="select"),
    _fixed("failing", "attach can fail", entry="failing",
           imports=ENVIRONMENT, calls=FAILING, attach_fail=AttachFail(0)),
    _fixed("startup", "a start-up function in front of DllMain",
           entry="startup"),
]

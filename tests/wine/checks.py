# SPDX-License-Identifier: Apache-2.0
"""Holds what a sample does in Wine against its manifest entry."""

import json
import struct

import recording

PROGRAM = "load_cycle.exe"
SOURCE = "load_cycle.c"

RECORD_SIZE = "32"  # sizeof(RTL_CRITICAL_SECTION_DEBUG) on i386, winnt.h
ERROR_DLL_INIT_FAILED = 1114  # winerror.h
RELOCS_STRIPPED = 0x0001  # PE/COFF specification, Characteristics
PROBE_CYCLES = 3  # as in load_cycle.c
SHORT = 100  # cycles of the runs besides the long one


class Mismatch(Exception):
    """What was seen is not what the manifest says."""


def expect(what, seen, wanted):
    if seen != wanted:
        raise Mismatch(f"{what}: seen {seen}, expected {wanted}")


def expect_growth(seen, records):
    expect("growth of the heap in blocks by size", seen["by_size"],
           {RECORD_SIZE: records} if records else {})


def can_be_rebased(path):
    content = path.read_bytes()
    header = struct.unpack_from("<I", content, 0x3C)[0]
    return not struct.unpack_from("<H", content, header + 22)[0] & \
        RELOCS_STRIPPED


def probe_options(sample):
    probe = sample["probe"]
    if not probe:
        return []
    options = ["--probe", probe["export"]]
    if probe["convention"] == "stdcall":
        options.append("--stdcall")
    for argument in probe["args"]:
        options += ["--argument", str(argument)]
    return options


def keep_options(sample):
    """Keeps the system's DLLs that no process has from the start."""
    called = {call.split("!")[0] for calls in sample["other_calls"].values()
              for call in calls}
    return [word for dll in sorted(called - {"kernel32.dll", "ntdll.dll"})
            for word in ("--keep", dll)]


def failing_options(sample):
    """What makes the sample's attach return FALSE."""
    variables = sample["attach_fail"]["environment"].items()
    return [word for name, value in variables
            for word in ("--env", f"{name}={value}")]


def in_order(calls):
    """Sorted, with those outside the image, which have no RVA, too."""
    return sorted(calls, key=lambda call: (call[0], call[1] or 0))


def leaked_sections(sample, patched):
    """The RVAs of what stays behind."""
    return [] if patched else [section["rva"] for section in
                               sample["critical_sections"]
                               if section["leaked"]]


class Checker:
    """Runs samples in one session of Wine."""

    def __init__(self, wine, cycles):
        self.wine = wine
        self.cycles = cycles

    def check(self, sample, path, patched):
        """Runs one file; gives what it did at process exit, as
        Recording.phase does."""
        name = (sample["identity"] or sample["name"]).removesuffix(".dll")
        self.wine.put(path, f"{name}.dll")
        leaked = leaked_sections(sample, patched)
        self.check_loads(sample, name, leaked, self.cycles, [])
        if can_be_rebased(path):
            self.check_loads(sample, name, leaked, SHORT, ["--occupy-base"])
        at_exit = self.check_calls(sample, name, leaked)
        if sample["attach_fail"]:
            self.check_failing(sample, name, leaked)
        (self.wine.files / f"{name}.dll").unlink()
        return at_exit

    def load_cycle(self, name, cycles, options):
        done = self.wine.run(
            PROGRAM, ["--cycles", str(cycles), *options, f"C:\\t\\{name}.dll"],
            native=[name])
        if done.returncode != 0:
            raise Mismatch(f"load_cycle {' '.join(options)}: exit status "
                           f"{done.returncode}: {done.stderr.strip()}")
        return json.loads(done.stdout)

    def record(self, name, options):
        seen = recording.record(self.wine, name, options)
        if seen.status != 0:
            raise Mismatch(f"record_sections {' '.join(options)}: exit status "
                           f"{seen.status}: {seen.stderr}")
        expect("exceptions while recorded", seen.exceptions, [])
        return seen

    def check_loads(self, sample, name, leaked, cycles, options):
        """Many loads: what stays in the heap, what the probe answers."""
        seen = self.load_cycle(
            name, cycles,
            [*options, *keep_options(sample), *probe_options(sample)])
        on_heap = sample["heap_sections"]["leaked"]
        expect("loads", (seen["loaded"], seen["failed"]), (cycles, 0))
        expect("rebased", seen["base"] != seen["preferred_base"],
               "--occupy-base" in options)
        expect("loads at another base", seen["moves"], 0)
        expect("exceptions", seen["exceptions"], 0)
        expect("leaked sections by RVA", seen["by_rva"],
               {str(rva): cycles for rva in leaked})
        expect_growth(seen, (len(leaked) + on_heap) * cycles)
        if sample["probe"]:
            expect("answers of the probe", seen["probe"],
                   [sample["probe"]["result"]] * PROBE_CYCLES)

    def check_calls(self, sample, name, leaked):
        """Each section initialised once, and deleted once unless it is leaked.
        The heap would not tell a section deleted twice."""
        seen = self.record(name, [])
        expect("load error while recorded", seen.load_error, 0)
        expect("unloaded while recorded", seen.gone, True)
        sections = [section["rva"] for section in sample["critical_sections"]]
        heap = sample["heap_sections"]
        # A section outside the image is recorded with no RVA.
        made = sections + [None] * heap["initialised"]
        deleted = [rva for rva in sections if rva not in leaked] + \
            [None] * (heap["initialised"] - heap["leaked"])
        for phase in ("attach", "attach again"):
            expect(f"calls on {phase}", in_order(seen.phase(phase)),
                   in_order(("initialise", rva) for rva in made))
        expect("calls on detach", in_order(seen.phase("detach")),
               in_order(("delete", rva) for rva in deleted))
        return seen.phase("exit")

    def check_failing(self, sample, name, leaked):
        """Attach returns FALSE: the loader sends detach at once, and what the
        sample had initialised until then counts."""
        options = failing_options(sample)
        made = sample["attach_fail"]["sections_initialised"]
        deleted = sample["attach_fail"]["sections_deleted"]
        seen = self.load_cycle(name, SHORT, options)
        expect("failing loads", (seen["loaded"], seen["failed"], seen["error"]),
               (0, SHORT, ERROR_DLL_INIT_FAILED))
        expect("exceptions in failing loads", seen["exceptions"], 0)
        expect_growth(seen, (made - deleted) * SHORT if leaked else 0)
        calls = [kind for kind, _ in self.record(name, options).phase("attach")]
        expect("calls in a failing load", calls,
               ["initialise"] * made +
               ["delete"] * (deleted if leaked else made))

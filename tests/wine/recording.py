# SPDX-License-Identifier: Apache-2.0
"""What record_sections.c saw a DLL do with its critical sections."""

import json
from dataclasses import dataclass, field
from pathlib import Path

import session

SOURCE = "record_sections.c"
PROGRAM = "record_sections.exe"


@dataclass
class Section:
    """A critical section inside the image, and what became of it in order."""
    rva: int
    events: list = field(default_factory=list)

    def callers(self, kind):
        """Where the calls return to, as RVAs."""
        return [event["caller"] for event in self.events
                if event["event"] == kind]

    def left_behind(self):
        """How often it was initialised and then not deleted."""
        left = live = 0
        for event in self.events:
            if event["event"] == "initialise":
                left += live
                live = 1
            else:
                live = 0
        return left + live

    def deleted_dead(self):
        """How often it was deleted when it was not initialised."""
        dead = live = 0
        for event in self.events:
            if event["event"] == "initialise":
                live = 1
            else:
                dead += not live
                live = 0
        return dead


@dataclass
class Recording:
    lines: list
    status: int  # exit status of the program
    stderr: str

    def of_kind(self, kind):
        return [line for line in self.lines if line["event"] == kind]

    @property
    def load_error(self):
        """Windows' error number; None where the load had no end."""
        loads = self.of_kind("load")
        return loads[0]["error"] if loads else None

    @property
    def gone(self):
        """Whether FreeLibrary unloaded it; None where it was not called."""
        frees = self.of_kind("free")
        return frees[0]["gone"] if frees else None

    @property
    def exceptions(self):
        return [line["code"] for line in self.of_kind("exception")]

    @property
    def raised_at(self):
        """Where exceptions were raised, as RVAs."""
        return [line["rva"] for line in self.of_kind("exception")]

    @property
    def use_result(self):
        """What the user of the DLL gave; None where there was none."""
        uses = self.of_kind("use")
        return uses[0]["result"] if uses else None

    def calls(self, *phases):
        return [line for line in self.lines if line.get("phase") in phases
                and line["event"] in ("initialise", "delete")]

    def sections(self):
        """Those inside the image that attach and detach dealt with, in order
        of their RVA."""
        found = {}
        for call in self.calls("attach", "detach"):
            if call["rva"] is not None:
                section = found.setdefault(call["rva"], Section(call["rva"]))
                section.events.append(call)
        return [section for _, section in sorted(found.items())]

    def elsewhere(self):
        """The DLL's own calls for sections that are not in its image."""
        return [call for call in self.calls("attach", "detach")
                if call["rva"] is None]

    def phase(self, phase):
        """(event, RVA) of the calls of one phase, in order."""
        return [(call["event"], call["rva"]) for call in self.calls(phase)]


def use_options(wine, name, scratch):
    """The options that have the DLL worked with while it is loaded, if anybody
    wrote how: use_NAME.c beside this file, compiled in the folder `scratch`."""
    source = f"use_{name}.c"
    if not (Path(__file__).parent / source).exists():
        return []
    user = session.compile_program(source, scratch, ["-shared"])
    return ["--use", wine.put(user, user.name)]


def record(wine, name, options=(), timeout=60):
    """Loads C:\\t\\NAME.dll of the session under observation."""
    done = wine.run(PROGRAM, [*options, f"C:\\t\\{name}.dll"], native=[name],
                    timeout=timeout)
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    return Recording(lines, done.returncode, done.stderr.strip())

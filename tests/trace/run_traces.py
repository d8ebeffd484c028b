#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Runs a file of trace cases: assembly, and what the analysis must say of it.

run_traces.py --print-trace PROGRAM CASES

A file of cases is made of comment lines (#) and of cases:

    === name of the case
    --- imports       NAME = dll!function, one a line: "call [NAME]" calls it;
                      dll!#N for the ordinal N
    --- runs          which runs to show; left out: attach detach
    --- callbacks     labels of TLS callbacks
    --- callback list label of the list that they are read from
    --- cookie        label of the word that /GS fills
    --- resources     label of the root of the tree of resources
    --- exports       labels that are exported by their own names
    --- setting       "ordinary": what imports answer in one process;
                      "memory": what allocates does not fail
    --- writable      left out, or "text": the code is writable too
    --- code          assembly, Intel syntax; begins in .text, may change to
                      .data or .bss; the entry point is "entry"
    --- expect        what print_trace prints, with addresses as labels

The code is assembled and linked by mingw-w64's binutils. In what is printed,
an address of the image, as RVA or as virtual address, is replaced by its label.
What is expected is worked out from the assembly; UPDATE_GOLDEN=1 rewrites it.
"""
import argparse
import bisect
import difflib
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

TOOLS = "i686-w64-mingw32-"
BASE = 0x400000
# Section name -> RVA, bytes mapped, protection.
LAYOUT = {
    ".text": (0x1000, 0x10000, "x"),
    ".data": (0x20000, 0x1000, "w"),
    ".bss": (0x30000, 0x1000, "w"),
    ".slots": (0x40000, 0x1000, "w"),
}
TIME_LIMIT = 60  # seconds for one program
ADDRESS = re.compile(r"0x([0-9a-f]{4,})\b")


def parse(text):
    """[(name, {section: text})] of a file of cases."""
    cases = []
    lines = None
    for line in text.splitlines():
        if line.startswith("=== "):
            cases.append((line[4:], {}))
            lines = None
        elif line.startswith("--- "):
            lines = cases[-1][1].setdefault(line[4:].strip(), [])
        elif lines is not None:
            lines.append(line)
        elif line and not line.startswith("#"):
            raise ValueError(f"not in a section: {line}")
    return [(name, {section: "\n".join(body).strip("\n")
                    for section, body in sections.items()})
            for name, sections in cases]


def imports_of(case):
    """[(label, dll!function)]"""
    return [tuple(part.strip() for part in line.split("="))
            for line in case.get("imports", "").splitlines() if line]


def source_of(case):
    slots = "".join(f"{label}: .long 0x5000\n" for label, _ in imports_of(case))
    return (f".intel_syntax noprefix\n.text\n{case['code']}\n"
            f".section .slots,\"dw\"\n{slots}")


def script():
    """A linker script that puts each section where LAYOUT says."""
    body = "".join(f"{name} {BASE + rva:#x} : {{ *({name}) }}\n"
                   for name, (rva, _, _) in LAYOUT.items())
    return f"SECTIONS {{\n{body}}}\n"


def run(*command, text=None):
    done = subprocess.run(command, input=text, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True,
                          timeout=TIME_LIMIT, check=False)
    if done.returncode != 0:
        raise RuntimeError(f"{Path(command[0]).name}: {done.stdout}")
    return done.stdout


def build(case, folder):
    """{label: RVA}; leaves each section's bytes in FOLDER/SECTION."""
    (folder / "case.s").write_text(source_of(case))
    (folder / "case.ld").write_text(script())
    run(TOOLS + "as", "--32", "-o", folder / "case.o", folder / "case.s")
    run(TOOLS + "ld", "-m", "i386pe", "-T", folder / "case.ld", "--image-base",
        hex(BASE), "--disable-reloc-section", "-e", "entry", "-o",
        folder / "case.exe", folder / "case.o")
    for name in LAYOUT:
        run(TOOLS + "objcopy", "-O", "binary", "-j", name, folder / "case.exe",
            folder / name)
    labels = {}
    for line in run(TOOLS + "nm", folder / "case.exe").splitlines():
        *address, kind, label = line.split()
        if not address:
            continue  # a weak symbol of the linker's that nothing defines
        rva = int(address[0], 16) - BASE
        if kind != "A" and rva >= 0 and label not in LAYOUT:
            labels[label] = rva
    return labels


def describe(case, labels, folder):
    """The image and the runs in the words of print_trace."""
    lines = [f"base {BASE:x}"]
    for name, (rva, size, flags) in LAYOUT.items():
        if name == ".text" and case.get("writable") == "text":
            flags += "w"
        content = folder / name
        has_content = name != ".bss" and content.exists()
        lines.append(f"region {rva:x} {size:x} {flags} "
                     f"{content if has_content else '-'}")
    lines += [f"slot {labels[label]:x} {function}"
              for label, function in imports_of(case)]
    lines += [f"callback {labels[label]:x}"
              for label in case.get("callbacks", "").split()]
    lines += [f"callback_list {labels[label]:x}"
              for label in case.get("callback list", "").split()]
    lines += [f"cookie {labels[label]:x}"
              for label in case.get("cookie", "").split()]
    lines += [f"resources {labels[label]:x}"
              for label in case.get("resources", "").split()]
    lines += [f"export {labels[label]:x} {label}"
              for label in case.get("exports", "").split()]
    lines += [f"entry {labels['entry']:x}"]
    lines += [f"setting {name}" for name in case.get("setting", "").split()]
    lines += [f"run {name}"
              for name in case.get("runs", "attach detach").split()]
    return "\n".join(lines) + "\n"


def name_addresses(text, labels):
    """Code is named by its own label only, data also by label and offset."""
    by_rva = sorted((rva, label) for label, rva in labels.items())
    exact = {rva: label for rva, label in by_rva}
    code_end = sum(LAYOUT[".text"][:2])

    def name(match):
        number = int(match[1], 16)
        rva = number - BASE if number >= BASE else number
        if rva in exact:
            return exact[rva]
        at = bisect.bisect_right(by_rva, (rva, "\uffff")) - 1
        end = sum(LAYOUT[".slots"][:2])
        if at < 0 or not code_end <= by_rva[at][0] <= rva < end:
            return match[0]
        return f"{by_rva[at][1]}+{rva - by_rva[at][0]:#x}"

    return ADDRESS.sub(name, text)


def seen_of(case, program):
    with tempfile.TemporaryDirectory(prefix="trace-") as name:
        folder = Path(name)
        labels = build(case, folder)
        printed = run(program, text=describe(case, labels, folder))
    return name_addresses(printed, labels).strip("\n")


def replace_expected(text, name, seen):
    """The text of the file with another expectation for one case."""
    head, mark, rest = text.partition(f"=== {name}\n")
    body, expect, tail = rest.partition("--- expect\n")
    following = tail.find("\n=== ")
    tail = tail[following:] if following >= 0 else ""
    return head + mark + body + expect + seen + "\n" + tail


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--print-trace", required=True)
    parser.add_argument("cases", type=Path)
    arguments = parser.parse_args()
    text = arguments.cases.read_text()
    cases = parse(text)
    assert cases, "no case in the file"
    assert len({name for name, _ in cases}) == len(cases), "a name twice"
    failed = 0
    for name, case in cases:
        seen = seen_of(case, arguments.print_trace)
        if seen == case["expect"]:
            continue
        failed += 1
        if os.environ.get("UPDATE_GOLDEN"):
            text = replace_expected(text, name, seen)
            continue
        print(f"=== {name}")
        print("\n".join(difflib.unified_diff(
            case["expect"].splitlines(), seen.splitlines(), "expected", "seen",
            lineterm="", n=99)))
    if os.environ.get("UPDATE_GOLDEN"):
        arguments.cases.write_text(text)
        return 0
    print(f"{len(cases)} cases, {failed} not as expected")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())

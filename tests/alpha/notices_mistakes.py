#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Whether the executed proof notices what is wrong: DLLs of a few instructions,
one mistake each, and the line that has to be told of it.

notices_mistakes.py ALPHA_PROOF ALPHA_HOST
"""

import subprocess
import sys
import tempfile
from pathlib import Path

sys.dont_write_bytecode = True
SAMPLES = Path(__file__).resolve().parents[2] / "samples"
sys.path.insert(0, str(SAMPLES))
from maker import alpha_assembly, alpha_c_build, alpha_link  # noqa: E402
from maker import export_table, import_table, pe_shape, toolchain  # noqa: E402
from maker.base_relocations import HIGHADJ  # noqa: E402
from maker.dialect import Alpha  # noqa: E402

# An entry that initialises its section on attach; {attach}, {always} and
# {detach} are where mistakes go.
ENTRY = """
#include "idiom.inc"
.ent DllEntry
DllEntry:
.frame sp,32,ra,0
    lda     sp, -32(sp)
    stq     ra, 0(sp)
.prologue 0
    {always}
    beq     a1, on_detach
    cmpeq   a1, 1, t0
    beq     t0, done
    address a0, g_lock
    call    __imp_InitializeCriticalSection
    {attach}
    br      zero, done
on_detach:
    {detach}
done:
    lda     v0, 1(zero)
leave_it:
    ldq     ra, 0(sp)
    lda     sp, 32(sp)
    {last}
    ret     zero, (ra), 1
.end DllEntry
{more}
.data
g_lock: .space 24
g_word: .long 1
"""
DELETE = "address a0, g_lock; call __imp_DeleteCriticalSection"
REPAIR = "bne a2, done; load t0, g_lock; beq t0, done; " + DELETE
CALL = "bis zero, zero, a0; call __imp_SetLastError"
HELPER_WITHOUT_ENTRY = """
helper:
    lda     sp, -16(sp)
    stq     ra, 0(sp)
    call    __imp_SetLastError
    ldq     ra, 0(sp)
    lda     sp, 16(sp)
    ret     zero, (ra), 1
"""
HELPER_WITH_A_LIE = HELPER_WITHOUT_ENTRY + """
.section .pdata, "a"
.long helper, helper + 32, 0, 0, helper + 4
"""
OUT_OF_ORDER = """
.section .pdata, "a"
.long DllEntry + 16, DllEntry + 20, 0, 0, DllEntry + 16
"""

# Name: (what is filled in, the line expected).
MISTAKES = {
    "a register not kept": (
        {"last": "bis zero, 7, s0"}, "returns with another R9"),
    "the global pointer changed": (  # lda gp, 0(zero)
        {"last": ".long 0x23bf0000"}, "returns with another R29"),
    "a floating-point register not kept": (
        {"last": "cpys $f31, $f31, $f9"}, "returns with another F9"),
    "SP off at the end": (
        {"last": "lda sp, 16(sp)"}, "returns with another R30"),
    "the caller's stack written": (
        {"last": "stq zero, 8(sp)"}, "changed its caller's stack at 0x8"),
    "a stack out of alignment": (
        {"attach": "lda sp, -8(sp); " + CALL + "; lda sp, 8(sp)"},
        "calls kernel32.dll!SetLastError with SP not a multiple of 16"),
    "a frame without an entry": (
        {"attach": "bsr ra, helper", "more": HELPER_WITHOUT_ENTRY},
        ": not in .pdata"),
    "an entry that misses the save": (
        {"attach": "bsr ra, helper", "more": HELPER_WITH_A_LIE},
        "cannot be unwound"),
    "a table out of order": (
        {"more": OUT_OF_ORDER}, "of .pdata is wrong or out of order"),
    "code written": (
        {"attach": "store zero, DllEntry"},
        "touches protected memory at image+0x2000"),
    "data executed": (
        {"attach": "address t12, g_word; jsr ra, (t12), 0"},
        "executes what may not be executed"),
    "nothing read": (
        {"attach": "ldl t0, 0(zero)"}, "touches unmapped memory at 0x0"),
    "the code's end passed": (
        {"attach": "bsr ra, last", "more": ".align 4\nlast: bis t0, t0, t0"},
        "executes what is no instruction for it"),
    "a section's end passed": (
        {"attach": "address t0, g_word; stl t0, 64(t0)"},
        "past the VirtualSize of a section"),
    "two deletions": (
        {"detach": DELETE + "; " + DELETE},
        "which is no initialised critical section"),
    "a deletion at process exit": (
        {"detach": DELETE}, "calls also"),
    "an argument of 64 bits": (
        {"attach": "lda a0, -1(zero); srl a0, 1, a0; call "
         "__imp_SetLastError"}, "a value that is not sign-extended"),
    "a result of 64 bits": (
        {"last": "sll v0, 40, v0"}, "returns what is not sign-extended"),
    "no end": (
        {"always": "cmpeq a1, 4, t0; forever: bne t0, forever"},
        "does not return"),
}


def build(path, parts, entry="DllEntry", drop=lambda relocation: False):
    """Writes a DLL with `parts` filled into ENTRY."""
    filled = dict.fromkeys(("always", "attach", "detach", "last", "more"), "")
    filled.update(parts)
    source = path.with_suffix(".S")
    source.write_text(ENTRY.format_map(filled), encoding="ascii")
    expanded = path.with_suffix(".i")
    toolchain.run("gcc", "-E", "-P", "-x", "assembler-with-cpp", "-I",
                  SAMPLES / "src" / "alpha", source, "-o", expanded,
                  prefix=toolchain.ALPHA)
    text = expanded.read_text("ascii")
    built = alpha_c_build.assemble(path, alpha_assembly.convert(text))
    missing, _ = alpha_c_build.needed([built])
    tables = import_table.source(
        alpha_c_build.imports_of(missing, None, None), Alpha) + \
        export_table.source("t.dll", 1, {"Entry": "DllEntry"}, Alpha)
    linked = alpha_link.link([built, alpha_c_build.assemble(
        path.with_name(path.stem + "-tables"), tables)])
    linked.relocations = [r for r in linked.relocations if not drop(r)]
    shape = pe_shape.Shape(
        image_base=alpha_link.IMAGE_BASE, stamp=1,
        entry=linked.symbols[entry], symbol_count=0,
        directories=alpha_c_build.finish(
            linked, alpha_c_build.directories(linked.symbols)),
        machine=pe_shape.ALPHA,
        section_alignment=alpha_link.SECTION_ALIGNMENT)
    path.write_bytes(pe_shape.write(shape, linked.sections,
                                    alpha_link.dos_header()))
    return path


# In front of DllEntry, which it calls with another reason: what a wrapper must
# not do.
WRAPPER = """
.ent Wrapper
Wrapper:
.frame sp,16,ra,0
    lda     sp, -16(sp)
    stq     ra, 0(sp)
.prologue 0
    cmpeq   a1, 2, t0
    cmovne  t0, 3, a1
    bsr     ra, DllEntry
    ldq     ra, 0(sp)
    lda     sp, 16(sp)
    ret     zero, (ra), 1
.end Wrapper
"""


def pairs(folder):
    """(name, files before and after, the line expected) of each case."""
    good = build(folder / "good.dll", {})
    wrapped = {"more": WRAPPER}
    yield "no mistake", [good], None
    yield "no mistake, repaired", [
        good, build(folder / "repaired.dll", {
            "detach": REPAIR})], None
    for name, (parts, line) in MISTAKES.items():
        bad = build(folder / (name.replace(" ", "-") + ".dll"), parts)
        yield name, [good, bad], line
    yield "an address not relocated", [
        good, build(folder / "moved.dll", {},
                    drop=lambda r: r.kind == HIGHADJ)], "at 0x77a"
    yield "a wrapper that changes the reason", [
        build(folder / "plain.dll", wrapped),
        build(folder / "wrapped.dll", wrapped, "Wrapper")], \
        "enters the DLL's own code with (image+0x0, 0x3, 0x0)"


def main():
    command = [sys.argv[1], sys.argv[2], "--one"]
    failed = count = 0
    with tempfile.TemporaryDirectory(prefix="alpha-") as folder:
        for name, files, line in pairs(Path(folder)):
            done = subprocess.run([*command, *files], text=True, check=False,
                                  stdout=subprocess.PIPE)
            told = [text for text in done.stdout.splitlines()
                    if text.startswith("failure:")]
            noticed = any(line in text for text in told) if line else not told
            noticed = noticed and done.returncode == (1 if line else 0)
            count += 1
            failed += not noticed
            print(f"{'ok    ' if noticed else 'FAILED'} {name}")
            if not noticed:
                print(f"  expected: {line}", *told[:6], sep="\n  ")
    print(f"{count} cases, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())

# SPDX-License-Identifier: Apache-2.0
"""Turns gcc's assembly for Linux on Alpha into that of Windows NT on Alpha.

Linux code keeps a global pointer in $29, which each function makes from its own
address and makes again after each call, and reaches data through it. Windows NT
has none to set up (Microsoft, "Windows NT for Alpha Calling Standard", 2.2: R29
is left alone; a procedure value is the address of the code). There, an address
is built by LDAH and LDA from two halves that the loader relocates. Told that
data may lie anywhere (-mlarge-data) and that all of it belongs to the image
(visibility hidden), gcc's code has that form already, apart from its base:

    Linux                                  Windows NT
    ldah $29,0($27) !gpdisp!1              (nothing)
    lda $29,0($29) !gpdisp!1
    ldah $1,name($29) !gprelhigh           ldah $1,name($31) !gprelhigh
    ldl $1,name($1) !gprellow              the same: alpha_link.py takes the
                                           global pointer to be 0
    ldq $27,name($29) !literal!2           ldah and lda of the address
    jsr $26,($27),0 !lituse_jsr!2          jsr $26,($27),0
    bsr $26,name !samegp                   bsr $26,name
    .gprel32 name                          .long name
    addq $29,$1,$1                         (nothing: $1 is the address)

What is left with $29 in it is refused, not guessed at. For each function that
has a frame an entry of .pdata is added (winnt.h,
IMAGE_ALPHA_RUNTIME_FUNCTION_ENTRY; a leaf needs none: Microsoft, "RISC
exception handling", ms253988).
"""

import re

# What says nothing to the assembler that is wanted here.
DROPPED = re.compile(r"\s*\.(eflag|mask|fmask|file|cfi_\w+)\b|.*!gpdisp!|"
                     r"\s*\.section\s+\.note\.GNU-stack|\$LF[BE]\d+:")
LITERAL = re.compile(r"\s*ldq (\$\d+),([\w.$+-]+)\(\$29\)\s*!literal(!\d+)?$")
USE_OF_LITERAL = re.compile(
    r"(\s*jsr \$26,\(\$27\)),[^!]*!lituse_jsr!\d+$")
TABLE_BASE = re.compile(r"\s*addq \$29,(\$\d+),\1$")
FRAME = re.compile(r"\s*\.frame \$\d+,(\d+),\$26")
GLOBAL_POINTER = re.compile(r"\$29\b")


class UnknownForm(Exception):
    """A line that uses the global pointer in a way not listed above."""


def _instruction(line):
    """The line, or the lines, in the other form."""
    literal = LITERAL.match(line)
    if literal:
        register, name = literal.groups()[:2]
        return [f"\tldah {register},{name}($31)\t!gprelhigh",
                f"\tlda {register},{name}({register})\t!gprellow"]
    if TABLE_BASE.match(line):
        return []
    line = USE_OF_LITERAL.sub(r"\1,0", line)
    line = line.replace("!samegp", "").replace(".gprel32", ".long")
    if line.rstrip().endswith("!gprelhigh"):
        line = line.replace("($29)", "($31)")
    if GLOBAL_POINTER.search(line):
        raise UnknownForm(line)
    return [line]


class _Function:
    """The function whose lines are being read."""

    def __init__(self, name):
        self.name = name
        self.framed = False

    def label(self, place):
        return f"$pdata.{self.name}.{place}"


def _pdata(function):
    return ['\t.pushsection .pdata,"a",@progbits', "\t.align 2",
            f"\t.long {function.name},{function.label('end')},0,0,"
            f"{function.label('prologue')}", "\t.popsection"]


def _directive(line, function):
    """What becomes of a directive that describes `function`, or None."""
    words = line.split()
    if words[0] == ".ent":
        return [f"\t.type {words[1]},@function"]
    if words[0] == ".frame":
        function.framed = int(FRAME.match(line).group(1)) > 0
        return []
    if words[0] == ".prologue":
        return [f"{function.label('prologue')}:"]
    if words[0] == ".end":
        lines = [f"{function.label('end')}:",
                 f"\t.size {function.name},.-{function.name}"]
        return lines + (_pdata(function) if function.framed else [])
    return None


def convert(text):
    """The assembly for Windows NT, as one text."""
    lines, function = [], None
    for line in text.splitlines():
        words = line.split()
        if not words or DROPPED.match(line):
            continue
        if words[0] == ".ent":
            function = _Function(words[1])
        described = _directive(line, function)
        lines += _instruction(line) if described is None else described
    return "\n".join(lines) + "\n"

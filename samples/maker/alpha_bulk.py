# SPDX-License-Identifier: Apache-2.0
"""bulk_code.py's functions for Alpha: operations of the machine's own, with the
model of each. The first argument and result travel in $0 (v0), the second one
in $17 (a1), both sign-extended from 32 bits as Windows NT keeps them; $1 to $3
are scratch.
"""

import functools

from maker import alpha_assembly, bulk_code
from maker.bulk_code import MASK, rotate_left

A, B, FIRST, SECOND, COUNTER = "$0", "$17", "$1", "$2", "$3"


def _constant(register, value):
    """LDAH and LDA of a positive number whose high half does not overflow."""
    high, low = (value + 0x8000) >> 16, value & 0xffff
    low -= (low & 0x8000) << 1
    return [f"ldah {register},{high}($31)", f"lda {register},{low}({register})"]


def _signed(value):
    return value - (1 << 32) if value & 0x80000000 else value


def _arithmetic(numbers, _label):
    value = numbers.word() & 0x3fffffff
    factor = value & 0x7fff | 1
    constant = _constant(FIRST, value)
    rows = [
        ([*constant, f"addl {A},{FIRST},{A}"], lambda m: m.a + value),
        ([*constant, f"subl {A},{FIRST},{A}"], lambda m: m.a - value),
        ([*constant, f"xor {A},{FIRST},{A}"], lambda m: m.a ^ value),
        ([f"addl {A},{B},{A}"], lambda m: m.a + m.b),
        ([f"xor {A},{B},{A}"], lambda m: m.a ^ m.b),
        ([f"lda {FIRST},{factor}($31)", f"mull {A},{FIRST},{A}"],
         lambda m: m.a * factor),
    ]
    lines, result = rows[numbers.below(len(rows))]

    def apply(m):
        m.a = result(m) & MASK
    return lines, apply


def _rotate(numbers, _label):
    count = 1 + numbers.below(30)

    def apply(m):
        m.a = rotate_left(m.a, count)
    return [f"zapnot {A},15,{FIRST}", f"sll {FIRST},{count},{SECOND}",
            f"srl {FIRST},{32 - count},{FIRST}",
            f"bis {FIRST},{SECOND},{A}", f"addl {A},$31,{A}"], apply


def _scaled(_numbers, _label):
    def apply(m):
        m.a = (m.b * 4 + m.a) & MASK
    return [f"s4addl {B},{A},{A}"], apply


def _exchange(_numbers, _label):
    def apply(m):
        m.a, m.b = m.b, m.a
    return [f"bis {A},{A},{FIRST}", f"bis {B},{B},{A}",
            f"bis {FIRST},{FIRST},{B}"], apply


def _look_up(_numbers, _label):
    def apply(m):
        m.a ^= bulk_code.table_words(bulk_code.TABLE_WORDS)[m.b & 0xff]
    return [f"and {B},255,{FIRST}",
            f"ldah {SECOND},BulkTable($31)\t!gprelhigh",
            f"lda {SECOND},BulkTable({SECOND})\t!gprellow",
            f"s4addq {FIRST},{SECOND},{FIRST}", f"ldl {FIRST},0({FIRST})",
            f"xor {A},{FIRST},{A}"], apply


def _bytes(numbers, _label):
    """Some of the four bytes of a, the others zero."""
    kept = 1 + numbers.below(14)
    mask = sum(0xff << 8 * i for i in range(4) if kept >> i & 1)

    def apply(m):
        m.a = (m.a & mask) ^ m.b
    return [f"zapnot {A},{kept},{A}", f"addl {A},$31,{A}",
            f"xor {A},{B},{A}"], apply


def _larger(_numbers, _label):
    def apply(m):
        m.a = max(m.a, m.b, key=_signed)
    return [f"cmplt {A},{B},{FIRST}", f"cmovne {FIRST},{B},{A}"], apply


def _branch(numbers, label):
    bit = numbers.below(32)
    lines, inner = _arithmetic(numbers, label)
    other_lines, other = _arithmetic(numbers, label)
    skip, end = label(), label()

    def apply(m):
        (inner if m.b >> bit & 1 else other)(m)
    return [f"srl {B},{bit},{FIRST}", f"blbc {FIRST},{skip}", *lines,
            f"br $31,{end}", f"{skip}:", *other_lines, f"{end}:"], apply


def _loop(numbers, label):
    count = 2 + numbers.below(6)
    lines, inner = _rotate(numbers, label)
    more_lines, more = _arithmetic(numbers, label)
    top = label()

    def apply(m):
        for _ in range(count):
            inner(m)
            more(m)
    return [f"lda {COUNTER},{count}($31)", f"{top}:", *lines, *more_lines,
            f"subl {COUNTER},1,{COUNTER}", f"bne {COUNTER},{top}"], apply


class AlphaFunction(bulk_code.Function):
    """One bulk function; two of three have a frame, as if they called."""
    operations = (_arithmetic, _arithmetic, _rotate, _scaled, _exchange,
                  _look_up, _bytes, _larger, _branch, _loop)
    prefix = ""

    def _label(self):
        return "$" + super()._label()

    def assembly(self, padding):
        del padding
        size = 16 if self.framed else 0
        first = [f"lda $30,-{size}($30)", "stq $26,0($30)"]
        last = ["ldq $26,0($30)", f"lda $30,{size}($30)"]
        if not self.framed:
            first, last = [], []
        return [".align 4", f".globl {self.name}", f".ent {self.name}",
                f"{self.name}:", f".frame $30,{size},$26,0", *first,
                ".prologue 0", f"bis $16,$16,{A}", *self.lines, *last,
                "ret $31,($26),1", f".end {self.name}"]

    @functools.cached_property
    def text(self):
        return alpha_assembly.convert("\n".join(self.assembly(0)))


def source(count, table_size):
    """As bulk_code.source; the table's entries are the pointers that gcc reads
    there, of 64 bits."""
    chosen = bulk_code.functions(count, AlphaFunction)
    lines = [".set noat", '.section .text$bulk,"ax"']
    lines += [function.text for function in chosen]
    lines += [".globl BulkEnd", "BulkEnd:", '.section .rdata,"a"', ".align 3",
              ".globl BulkFunctions, BulkCount", "BulkFunctions:"]
    lines += [f".quad {function.name}" for function in chosen]
    lines += [f"BulkCount: .long {count}", "BulkTable:"]
    lines += [f".long {word:#x}"
              for word in bulk_code.table_words(table_size)]
    return "\n".join(lines) + "\n"

# SPDX-License-Identifier: Apache-2.0
"""Bulk for the code section: many small functions, as assembly and as a model.

Each function takes two 32-bit words and returns one. The sequence is fixed, so
the first n functions are the same in every sample. The model runs the same
operations in Python: it says what a sample must answer without running it.
"""

import functools

MASK = 0xffffffff
TABLE_WORDS = 256


class Numbers:
    """A linear congruential generator (Numerical Recipes' constants). Not
    Python's own, whose sequence is no promise."""

    def __init__(self, seed):
        self.state = seed

    def word(self):
        self.state = (self.state * 1664525 + 1013904223) & MASK
        return self.state

    def below(self, limit):
        return (self.word() >> 8) * limit >> 24


def rotate_left(value, count):
    return (value << count | value >> (32 - count)) & MASK


@functools.lru_cache(maxsize=None)
def table_words(count):
    """Constants for .rdata; the functions look up the first TABLE_WORDS."""
    numbers = Numbers(0x5ec)
    return [numbers.word() for _ in range(count)]


class Machine:
    """The registers that the operations work on."""

    def __init__(self, a, b):
        self.a, self.b = a & MASK, b & MASK


# An operation is (assembly lines, what it does to a Machine). `label` makes
# names that are unique in the function.

def _arithmetic(numbers, _label):
    value = numbers.word()
    kind = numbers.below(6)
    rows = [
        (f"add eax, {value:#x}", lambda m: m.a + value),
        (f"sub eax, {value:#x}", lambda m: m.a - value),
        (f"xor eax, {value:#x}", lambda m: m.a ^ value),
        ("add eax, ecx", lambda m: m.a + m.b),
        ("xor eax, ecx", lambda m: m.a ^ m.b),
        (f"imul eax, eax, {value & 0x7fff | 1:#x}",
         lambda m: m.a * (value & 0x7fff | 1)),
    ]
    line, result = rows[kind]

    def apply(m):
        m.a = result(m) & MASK
    return [line], apply


def _rotate(numbers, _label):
    count = 1 + numbers.below(30)

    def apply(m):
        m.a = rotate_left(m.a, count)
    return [f"rol eax, {count}"], apply


def _address(numbers, _label):
    displacement = numbers.word() & 0x7fffffff

    def apply(m):
        m.a = (m.a + m.b * 4 + displacement) & MASK
    return [f"lea eax, [eax+ecx*4+{displacement:#x}]"], apply


def _exchange(_numbers, _label):
    def apply(m):
        m.a, m.b = m.b, m.a
    return ["xchg eax, ecx"], apply


def _look_up(_numbers, _label):
    def apply(m):
        m.a ^= table_words(TABLE_WORDS)[m.b & 0xff]
    return ["mov edx, ecx", "and edx, 0xff",
            "xor eax, [_BulkTable+edx*4]"], apply


def _branch(numbers, label):
    bits = 1 << numbers.below(32)
    lines, inner = _arithmetic(numbers, label)
    other_lines, other = _arithmetic(numbers, label)
    skip, end = label(), label()

    def apply(m):
        (inner if m.b & bits else other)(m)
    return [f"test ecx, {bits:#x}", f"je {skip}", *lines, f"jmp {end}",
            f"{skip}:", *other_lines, f"{end}:"], apply


def _loop(numbers, label):
    count = 2 + numbers.below(6)
    lines, inner = _rotate(numbers, label)
    more_lines, more = _arithmetic(numbers, label)
    top = label()

    def apply(m):
        for _ in range(count):
            inner(m)
            more(m)
    return [f"mov edx, {count}", f"{top}:", *lines, *more_lines, "dec edx",
            f"jne {top}"], apply


OPERATIONS = (_arithmetic, _arithmetic, _rotate, _address, _exchange, _look_up,
              _branch, _loop)


class Function:
    """One bulk function; `run(a, b)` is its model."""
    operations = OPERATIONS
    prefix = "_"

    def __init__(self, index, numbers):
        self.name = f"{self.prefix}Bulk{index}"
        self._labels = 0
        self.framed = numbers.below(3) != 0
        self.lines, self._steps = [], []
        for _ in range(6 + numbers.below(16)):
            operation = self.operations[numbers.below(len(self.operations))]
            lines, apply = operation(numbers, self._label)
            self.lines += lines
            self._steps.append(apply)

    def _label(self):
        self._labels += 1
        return f"L{self.name}_{self._labels}"

    def run(self, a, b):
        machine = Machine(a, b)
        for apply in self._steps:
            apply(machine)
        return machine.a

    def assembly(self, padding):
        first = ["push ebp", "{load} mov ebp, esp", "mov eax, [ebp+8]",
                 "mov ecx, [ebp+12]"]
        last = ["pop ebp", "ret 8"]
        if not self.framed:
            first = ["mov eax, [esp+4]", "mov ecx, [esp+8]"]
            last = ["ret 8"]
        return [f".p2align 4, {padding:#x}", f".globl {self.name}",
                f"{self.name}:", *first, *self.lines, *last]


@functools.lru_cache(maxsize=None)
def functions(count, kind=Function):
    """The first `count` functions of the sequence, of one machine's kind."""
    numbers = Numbers(0xd11)
    return [kind(index, numbers) for index in range(count)]


def source(count, table_size, padding):
    """Assembly of `count` functions, of the table of their addresses that
    body.c calls through, and of `table_size` constant words."""
    chosen = functions(count)
    lines = [".intel_syntax noprefix", '.section .text$bulk, "xr"']
    for function in chosen:
        lines += function.assembly(padding)
    lines += [".globl _BulkEnd", "_BulkEnd:", '.section .rdata, "dr"',
              ".p2align 2", ".globl _BulkFunctions, _BulkCount",
              "_BulkFunctions:"]
    lines += [f".long {function.name}" for function in chosen]
    lines += [f"_BulkCount: .long {count}", "_BulkTable:"]
    lines += [f".long {word:#x}" for word in table_words(table_size)]
    return "\n".join(lines) + "\n"


def digest(count, a, b, kind=Function):
    """What Digest of body.c returns."""
    for index, function in enumerate(functions(count, kind)):
        a = function.run(a, b + index)
    return a

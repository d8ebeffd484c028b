# SPDX-License-Identifier: Apache-2.0
"""How GNU as is told the same thing for the two machines' object files: names
as the compilers decorate them, sections, RVAs, thunks."""

ALPHA_IMAGE_BASE = 0x77a80000  # ours: none is published for the machine


class I386:
    """PE objects for i386."""

    @staticmethod
    def name(name, arguments=None):
        """A C name; with the bytes of its arguments a stdcall one."""
        return f"_{name}" if arguments is None else f"_{name}@{arguments}"

    @staticmethod
    def slot(name, arguments):
        return f"__imp__{name}@{arguments}"

    @staticmethod
    def section(name, flags):
        """`flags`: "r" constants, "w" data, "x" code."""
        return f'.section {name}, "{dict(r="dr", w="dw", x="xr")[flags]}"'

    @staticmethod
    def rva(*names):
        return ".rva " + ", ".join(names)

    @staticmethod
    def code_address(address):
        return address

    @staticmethod
    def thunks(pairs):
        """`jmp [slot]` for each (name, slot)."""
        lines = ['.section .text$thunk, "xr"', ".p2align 2, 0xcc"]
        for name, slot in pairs:
            lines += [f".globl {name}", f"{name}:", f"jmp *{slot}"]
        return lines


class Alpha:
    """ELF objects for Alpha, which alpha_link.py makes a PE file of. An RVA is
    an address less the image base."""

    @staticmethod
    def name(name, arguments=None):
        del arguments  # the machine has one calling convention
        return name

    @staticmethod
    def slot(name, arguments):
        del arguments
        return f"__imp_{name}"

    @staticmethod
    def section(name, flags):
        return f'.section {name},"{dict(r="a", w="aw", x="ax")[flags]}"'

    @staticmethod
    def rva(*names):
        return ".long " + ", ".join(f"{name}-{ALPHA_IMAGE_BASE:#x}"
                                    for name in names)

    @staticmethod
    def code_address(address):
        """Functions begin at multiples of 16."""
        return address & ~15

    @staticmethod
    def thunks(pairs):
        """$27, the procedure value, is free at a call."""
        lines = ['.section .text$thunk,"ax"', ".p2align 4"]
        for name, slot in pairs:
            lines += [f".globl {name}", f"{name}:",
                      f"ldah $27,{slot}($31) !gprelhigh",
                      f"ldl $27,{slot}($27) !gprellow", "jmp $31,($27),0"]
        return lines

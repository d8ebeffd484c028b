#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Compares our listing of every i386 sample with objdump's.

compare_with_objdump.py PRINT_LISTING SAMPLES

At every address that objdump lists in a section of code: the same length, and
the same mnemonic, but for the spellings below. Bytes that objdump itself lists
as "(bad)" are data between the code and are left out, and counted.
"""
import collections
import re
import subprocess
import sys
from pathlib import Path

# One instruction, two names: Intel's manual gives both for each.
SYNONYMS = {
    "je": "jz", "jne": "jnz", "jae": "jnb", "ja": "jnbe", "jge": "jnl",
    "jg": "jnle", "jc": "jb", "jnc": "jnb", "jp": "jp", "jnp": "jnp",
    "sete": "setz", "setne": "setnz", "setae": "setnb", "seta": "setnbe",
    "setge": "setnl", "setg": "setnle",
    "cmove": "cmovz", "cmovne": "cmovnz", "cmovae": "cmovnb",
    "cmova": "cmovnbe", "cmovge": "cmovnl", "cmovg": "cmovnle",
    "fwait": "wait", "sal": "shl", "popa": "popad", "pusha": "pushad",
    "popf": "popfd", "pushf": "pushfd", "iret": "iretd", "retf": "retf",
    "movs": "movs", "retn": "ret", "loope": "loopz", "loopne": "loopnz",
    "jecxz": "jecxz", "repz": "rep", "repe": "rep", "repne": "repnz",
    "icebp": "int1", "int1": "int1", "xlat": "xlatb", "fstpnce": "fstp",
    "pushw": "push", "popw": "pop", "leavew": "leave", "retw": "ret",
    "lret": "retf", "ljmp": "jmp", "lcall": "call", "enterw": "enter",
    "callw": "call", "jmpw": "jmp", "iretw": "iret",
}
# String instructions: Zydis writes the width into the name.
STRING = re.compile(r"^(movs|stos|lods|scas|cmps|ins|outs)[bwd]$")
PREFIXES = {"rep", "repz", "repnz", "lock", "data16", "addr16", "notrack",
            "bnd", "xacquire", "xrelease", "cs", "ds", "es", "fs", "gs", "ss"}
LINE = re.compile(r"^ *([0-9a-f]+):\t((?:[0-9a-f]{2} )+) *(?:\t(.*))?$")


def mnemonic(text):
    """The instruction's name, without prefixes, in Zydis's spelling."""
    words = text.replace("{", " ").split()
    words = [SYNONYMS.get(word, word) for word in words]
    while len(words) > 1 and words[0] in PREFIXES:
        words.pop(0)
    name = words[0] if words else ""
    match = STRING.match(name)
    return match.group(1) if match else name


def alike(text, our_text):
    # 66 90 is both: NOP is an alias of XCHG (E)AX, (E)AX (Intel SDM, "NOP").
    if text.split() == ["xchg", "ax,ax"] and our_text == "nop":
        return True
    return mnemonic(text) == mnemonic(our_text)


def listed_by_objdump(path):
    """(address, size, text) of each instruction."""
    done = subprocess.run(
        ["i686-w64-mingw32-objdump", "-d", "-w", "-M", "intel", path],
        stdout=subprocess.PIPE, check=True, encoding="ascii", errors="replace")
    for line in done.stdout.splitlines():
        match = LINE.match(line)
        if match and match.group(3):
            yield (int(match.group(1), 16), len(match.group(2).split()),
                   match.group(3).strip())


def listed_by_us(program, path, addresses):
    done = subprocess.run(
        [program, path], input="".join(f"{a:x}\n" for a in addresses),
        stdout=subprocess.PIPE, check=True, encoding="ascii")
    for line in done.stdout.splitlines():
        address, size, text = line.split(" ", 2)
        yield int(address, 16), int(size), text


def main():
    program, samples = sys.argv[1:]
    paths = [p for p in sorted(Path(samples).glob("*.dll"))
             if not p.name.startswith("alpha-")]
    compared = 0
    left_out = 0
    differences = collections.Counter()
    for path in paths:
        theirs = list(listed_by_objdump(path))
        ours = listed_by_us(program, path, [t[0] for t in theirs])
        for (address, size, text), (_, our_size, our_text) in zip(theirs, ours):
            if "(bad)" in text:
                left_out += 1
                continue
            compared += 1
            if size != our_size or not alike(text, our_text):
                differences[f"{text!r} ({size}) and {our_text!r} "
                            f"({our_size})"] += 1
                if sum(differences.values()) <= 20:
                    print(f"{path.name} {address:#x}: objdump {text!r} "
                          f"({size} bytes), we {our_text!r} ({our_size} bytes)")
    print(f"{len(paths)} files, {compared} instructions compared, "
          f"{sum(differences.values())} differ, {left_out} bytes left out that "
          "objdump does not list either")
    return 0 if compared and not differences else 1


if __name__ == "__main__":
    sys.exit(main())

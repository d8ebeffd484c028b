#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Writes how many bytes of arguments each Windows function pops, as C++ rows,
into the file named.

The numbers are the decorated names (_Name@N, the stdcall convention) in
mingw-w64's import libraries. A name without decoration is a C function of the
C runtime (it pops nothing) or, where the library has no code symbol beside the
__imp_ one, data. Outside the C runtime an undecorated name is believed only
when it is one of the few documented cdecl functions below: mingw-w64 also
leaves the decoration away where nobody wrote it down.
"""
import subprocess
import sys

LIBRARIES = {
    "advapi32.dll": "libadvapi32.a",
    "gdi32.dll": "libgdi32.a",
    "kernel32.dll": "libkernel32.a",
    "libgcc_s_dw2-1.dll": "libgcc_s.a",
    "msvcrt.dll": "libmsvcrt-os.a",
    "netapi32.dll": "libnetapi32.a",
    "ntdll.dll": "libntdll.a",
    "ole32.dll": "libole32.a",
    "oleaut32.dll": "liboleaut32.a",
    "rpcrt4.dll": "librpcrt4.a",
    "secur32.dll": "libsecur32.a",
    "user32.dll": "libuser32.a",
    "version.dll": "libversion.a",
    "ws2_32.dll": "libws2_32.a",
    "wsock32.dll": "libwsock32.a",
}
# Functions that DLLs import by number, since the numbers are published: those
# of Winsock (Windows Sockets 1.1 specification, appendix A.3).
ORDINALS = {"ws2_32.dll": {14: "ntohl"}}
C_RUNTIMES = {"libgcc_s_dw2-1.dll", "msvcrt.dll"}
CDECL = {"wsprintfA", "wsprintfW", "DbgPrint", "DbgPrintEx"}
CDECL_BYTES, DATA = -1, -2


def run(*command):
    done = subprocess.run(command, check=True, text=True, encoding="ascii",
                          stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    return done.stdout


def symbols(library):
    path = run("i686-w64-mingw32-gcc", "-print-file-name=" + library).strip()
    slots, code = set(), set()
    for line in run("i686-w64-mingw32-nm", path).splitlines():
        fields = line.split()
        if len(fields) != 3:
            continue
        if fields[1] == "I" and fields[2].startswith("__imp__"):
            slots.add(fields[2][len("__imp__"):])
        elif fields[1] == "T" and fields[2].startswith("_"):
            code.add(fields[2][1:])
    return slots, code


def argument_bytes(dll, symbol, code):
    """Returns (name, bytes), or None where nothing says what it pops."""
    name, at, count = symbol.rpartition("@")
    if at and count.isdigit():
        return name, int(count)
    if dll in C_RUNTIMES:
        return symbol, CDECL_BYTES if symbol in code else DATA
    return (symbol, CDECL_BYTES) if symbol in CDECL else None


def main():
    rows = {}
    for dll, library in LIBRARIES.items():
        slots, code = symbols(library)
        for symbol in slots:
            found = argument_bytes(dll, symbol, code)
            if not found:
                continue
            key = (dll, found[0])
            # Two decorations of one name contradict each other: no claim.
            if rows.get(key, found[1]) != found[1]:
                rows[key] = None
            else:
                rows[key] = found[1]
    for dll, names in ORDINALS.items():
        for number, name in names.items():
            rows[(dll, f"#{number}")] = rows[(dll, name)]
    with open(sys.argv[1], "w", encoding="ascii") as table:
        for (dll, name), count in sorted(rows.items()):
            if count is not None:
                print('{"%s", "%s", %d},' % (dll, name, count), file=table)


if __name__ == "__main__":
    main()

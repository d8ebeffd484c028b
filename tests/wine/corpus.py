# SPDX-License-Identifier: Apache-2.0
"""DLLs that nobody here wrote, and what detachfix says of them."""

import json
import subprocess

import debian_root

ENDINGS = {".dll", ".node"}
BUILTIN = b"Wine builtin DLL"


def is_i386_pe(path):
    with open(path, "rb") as file:
        head = file.read(0x40)
        if len(head) < 0x40 or head[:2] != b"MZ":
            return False
        file.seek(int.from_bytes(head[0x3c:], "little"))
        return file.read(6) == b"PE\0\0\x4c\x01"


def wines_own(root):
    """The folder of the DLLs that come with Wine."""
    return root / debian_root.WINE_LIBRARIES.lstrip("/") / "i386-windows"


def find_dlls(places):
    """The i386 DLLs among files and, at any depth, in folders."""
    for place in places:
        if place.is_dir():
            files = sorted(p for p in place.rglob("*")
                           if p.suffix.lower() in ENDINGS and p.is_file())
        else:
            files = [place]
        yield from (path for path in files if is_i386_pe(path))


def judge(detachfix, paths):
    """path -> the object of `verify --jsonl`."""
    done = subprocess.run([detachfix, "verify", "--jsonl", "--", *paths],
                          stdout=subprocess.PIPE, text=True, check=False)
    results = map(json.loads, done.stdout.splitlines())
    return {result["path"]: result for result in results}


def as_native(content):
    """Wine's own DLLs carry a mark behind the DOS header that keeps them from
    being loaded as anybody's; these are the bytes without it."""
    if content[64:64 + len(BUILTIN)] != BUILTIN:
        return content
    return content[:64] + bytes(len(BUILTIN)) + content[64 + len(BUILTIN):]


def put_native(wine, paths):
    """Copies them beside the programs of a Wine session, as NAME.dll."""
    for path in paths:
        target = wine.files / f"{path.stem.lower()}.dll"
        target.write_bytes(as_native(path.read_bytes()))

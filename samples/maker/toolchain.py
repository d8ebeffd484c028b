# SPDX-License-Identifier: Apache-2.0
"""The cross compiler and its tools, called so that output is reproducible."""

import functools
import os
import re
import subprocess
from pathlib import Path

PREFIX = "i686-w64-mingw32-"
ALPHA = "alpha-linux-gnu-"
LLVM = ""
PACKAGES = {
    PREFIX: "gcc-mingw-w64-i686-win32, binutils-mingw-w64-i686",
    ALPHA: "gcc-alpha-linux-gnu, binutils-alpha-linux-gnu",
    LLVM: "clang, lld, llvm",
}
SOURCES = Path(__file__).resolve().parent.parent / "src"

# A symbol of a linker map: an address and a name, alone on their line.
MAP_SYMBOL = re.compile(r"^\s+0x([0-9a-f]+)\s+([_A-Za-z][\w@$]*)$", re.M)


class ToolError(Exception):
    """A tool failed; the message holds its command line and what it said."""


def run(tool, *arguments, prefix=PREFIX):
    """Runs one of the cross tools and returns its stdout."""
    command = [prefix + tool, *map(str, arguments)]
    environment = dict(os.environ, LC_ALL="C", SOURCE_DATE_EPOCH="0")
    try:
        done = subprocess.run(command, env=environment, text=True,
                              capture_output=True, check=False)
    except FileNotFoundError:
        raise ToolError(f"{command[0]} is not installed (Debian packages "
                        f"{PACKAGES[prefix]})")
    if done.returncode:
        raise ToolError(f"{' '.join(command)}\n{done.stdout}{done.stderr}")
    return done.stdout


@functools.lru_cache(maxsize=None)
def compiler_version(prefix=PREFIX):
    """The first line of the compiler's --version."""
    return run("gcc", "--version", prefix=prefix).splitlines()[0]


def map_symbols(map_file, image_base):
    """RVAs of the global symbols, from the map that the linker wrote."""
    text = Path(map_file).read_text(encoding="utf-8")
    return {name: int(address, 16) - image_base
            for address, name in MAP_SYMBOL.findall(text)
            if int(address, 16) >= image_base}

#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Checks that each message of the PE reader is expected by some test.

every_message.py SOURCE_FOLDER

Takes every Error{...} of patcher/pe_*.cc and lief_reader.cc apart into its
literal pieces, and looks for each piece in what the tests expect: the strings
of tests/patcher/*.cc and tests/broken/messages.txt.
"""
import re
import sys
from pathlib import Path

LITERAL = re.compile(r'"((?:[^"\\]|\\.)*)"')
SHORT = 6  # " bytes" and the like say nothing of their message
# LIEF 0.9 throws where later versions return nothing.
OTHER_LIEF = {"LIEF does not read it as a PE"}


def strings(code):
    """The string literals of C++ code, neighbours joined."""
    code = re.sub(r"//[^\n]*", "", code)
    code = re.sub(r'"\s*\n?\s*"', "", code)
    return LITERAL.findall(code)


def errors(code):
    """The text between the braces of each Error{...}."""
    for match in re.finditer(r"\bError\{", code):
        depth = 1
        at = match.end()
        while depth:
            depth += {"{": 1, "}": -1}.get(code[at], 0)
            at += 1
        yield code[match.end():at - 1]


def main():
    root = Path(sys.argv[1])
    expected = (root / "tests/broken/messages.txt").read_text()
    for test in sorted((root / "tests/patcher").glob("*_test.cc")):
        expected += "\n".join(strings(test.read_text())) + "\n"
    pieces = 0
    missing = []
    for source in [*sorted((root / "patcher").glob("pe_*.cc")),
                   root / "patcher/lief_reader.cc"]:
        for error in errors(source.read_text()):
            for piece in strings(error):
                if len(piece.strip()) < SHORT or piece in OTHER_LIEF:
                    continue
                pieces += 1
                if piece not in expected:
                    missing.append(f"{source.name}: {piece!r}")
    for line in missing:
        print(line)
    print(f"{pieces} pieces of messages, {len(missing)} not expected by a test")
    return 0 if pieces and not missing else 1


if __name__ == "__main__":
    sys.exit(main())

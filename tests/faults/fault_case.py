# SPDX-License-Identifier: Apache-2.0
"""What the fault cases share: a folder with a leaking Security.dll in it, runs
of detachfix on it, and what must hold whatever happens."""

import os
import pathlib
import re
import struct
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))

from trial import (Skip, TEMPORARY, Trial, check, equal, main, sha256,
                   strace)

SAMPLE = "nt4-sp5-work.dll"


def command(*words):
    """Runs a tool that the case needs; its failure is a reason to skip."""
    done = subprocess.run(words, capture_output=True, text=True)
    if done.returncode != 0:
        raise Skip(f"{' '.join(map(str, words))}: {done.stderr.strip()}")
    return done.stdout


class Case(Trial):
    """A leaking Security.dll alone in a folder."""

    def fill_top(self):
        self.top.chmod(0o755)
        self.mounts = []
        self.use_folder(self.top / "share")

    def __exit__(self, *_):
        for mount in reversed(self.mounts):
            subprocess.run(["umount", mount], check=True)
        super().__exit__()

    def use_folder(self, folder):
        folder.mkdir(exist_ok=True)
        self.folder = folder
        self.path = folder / "Security.dll"

    def mount(self, folder, *words):
        folder.mkdir(exist_ok=True)
        command("mount", *words, folder)
        self.mounts.append(folder)

    def fill(self, data=None):
        """Puts the sample there, or `data`, as if it were the only file."""
        for entry in self.folder.iterdir():
            entry.unlink()
        self.old = data or self.sample(SAMPLE)
        self.path.write_bytes(self.old)
        self.path.chmod(0o644)

    def expect(self, end, *words, prefix=()):
        """A run with `words`; `end` is its status and output, or None."""
        done = self.run(*words, prefix=prefix)
        if end is not None:
            equal((done.returncode, done.stdout + done.stderr), end)
        return done

    def patch(self, *words, prefix=(), expect=None):
        return self.expect(expect, "patch", *words, self.path, prefix=prefix)

    def failed(self, why):
        """Status and output of a run that fails because of `why`."""
        return 3, f"detachfix: {self.path}: {why}\n"

    def refused(self, why):
        """The same of a run that refuses the file."""
        return 2, f"{self.path}: refused: {why}\n"

    def new(self, data=None):
        """The patched content of `data`, or of what `fill` put there."""
        return super().new(data or self.old)

    def names(self):
        return sorted(os.listdir(self.folder))

    def untouched(self, others=()):
        """The original stands there, whole, and nothing is left beside it."""
        equal(sha256(self.path.read_bytes()), sha256(self.old))
        equal(self.names(), sorted(["Security.dll", *others]))

    def old_or_new(self, new):
        """Whether the new content stands there; anything but whole is wrong."""
        now = sha256(self.path.read_bytes())
        check(now in (sha256(self.old), sha256(new)), "half a file")
        return now == sha256(new)


# Padding that a plan may use: zeros, nop or int3 in a row. What takes its place
# is no padding, and as nothing runs it, it changes nothing.
PADDING = re.compile(rb"\x00{12,}|\x90{12,}|\xcc{12,}")


def squeezed(data, room):
    """`data`, a PE file, with all slack of its sections declared as content and
    no padding in its code, but for `room` bytes of slack behind the code."""
    data = bytearray(data)
    (pe,) = struct.unpack_from("<I", data, 0x3C)
    count, optional = struct.unpack_from("<H12xH", data, pe + 6)
    for i in range(count):
        header = pe + 24 + optional + 40 * i
        (virtual,) = struct.unpack_from("<I", data, header + 8)
        raw, start = struct.unpack_from("<II", data, header + 16)
        (flags,) = struct.unpack_from("<I", data, header + 36)
        keep = room if flags & 0x20000000 else 0
        if virtual < raw - keep:
            struct.pack_into("<I", data, header + 8, raw - keep)
        if keep:
            code = bytes(data[start : start + raw - keep])
            data[start : start + raw - keep] = PADDING.sub(
                lambda run: b"\xf4" * len(run[0]), code)
    return bytes(data)


def without_room_for_undo(case):
    """A sample whose code fits and whose undo record does not."""
    data = case.sample(SAMPLE)
    for room in range(16, 400, 8):
        case.fill(squeezed(data, room))
        if "undo record: in a side file" in case.patch("--dry-run").stdout:
            return
    raise AssertionError("no amount of slack makes a side file")

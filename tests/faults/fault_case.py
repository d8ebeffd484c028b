# SPDX-License-Identifier: Apache-2.0
"""What the fault cases share: a folder with a leaking Security.dll in it, runs
of detachfix on it, and what must hold whatever happens."""

import hashlib
import os
import pathlib
import re
import shutil
import struct
import subprocess
import tempfile

# What CreateBeside names its temporary files.
TEMPORARY = re.compile(r"^\..*\.detachfix-\d+-\d+$")
SAMPLE = "nt4-sp5-work.dll"


class Skip(Exception):
    """The machine lacks what the case needs. The text says what."""


def check(condition, message):
    if not condition:
        raise AssertionError(message)


def equal(found, expected):
    check(found == expected, f"found\n  {found!r}\nexpected\n  {expected!r}")


def sha256(data):
    return hashlib.sha256(data).hexdigest()


def command(*words):
    """Runs a tool that the case needs; its failure is a reason to skip."""
    done = subprocess.run(words, capture_output=True, text=True)
    if done.returncode != 0:
        raise Skip(f"{' '.join(map(str, words))}: {done.stderr.strip()}")
    return done.stdout


class Case:
    """One folder, gone at the end of the `with`."""

    def __init__(self, detachfix, samples):
        self.detachfix = str(detachfix)
        self.samples = pathlib.Path(samples)

    def __enter__(self):
        self.top = pathlib.Path(tempfile.mkdtemp(prefix="detachfix-faults-"))
        self.top.chmod(0o755)
        self.mounts = []
        self.use_folder(self.top / "share")
        return self

    def __exit__(self, *_):
        for mount in reversed(self.mounts):
            subprocess.run(["umount", mount], check=True)
        shutil.rmtree(self.top)

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
        self.old = data or (self.samples / SAMPLE).read_bytes()
        self.path.write_bytes(self.old)
        self.path.chmod(0o644)

    def run(self, *words, prefix=(), expect=None):
        """detachfix with `words`; `prefix` is what starts it (strace …)."""
        line = [*map(str, prefix), self.detachfix, *map(str, words)]
        # LeakSanitizer cannot work in a process that strace holds.
        environment = {**os.environ, "ASAN_OPTIONS": "detect_leaks=0"}
        done = subprocess.run(line, capture_output=True, text=True,
                              env=environment)
        if expect is not None:
            equal((done.returncode, done.stdout + done.stderr), expect)
        return done

    def patch(self, *words, prefix=(), expect=None):
        return self.run("patch", *words, self.path, prefix=prefix,
                        expect=expect)

    def failed(self, why):
        """Status and output of a run that fails because of `why`."""
        return 3, f"detachfix: {self.path}: {why}\n"

    def refused(self, why):
        """The same of a run that refuses the file."""
        return 2, f"{self.path}: refused: {why}\n"

    def new(self):
        """The patched content, made in a place where nothing fails."""
        with tempfile.TemporaryDirectory() as calm:
            out = pathlib.Path(calm) / "Security.dll"
            out.write_bytes(self.old)
            done = self.run("patch", out)
            equal(done.returncode, 0)
            return out.read_bytes()

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
    data = (case.samples / SAMPLE).read_bytes()
    for room in range(16, 400, 8):
        case.fill(squeezed(data, room))
        if "undo record: in a side file" in case.patch("--dry-run").stdout:
            return
    raise AssertionError("no amount of slack makes a side file")


def strace(*options, output="/dev/null"):
    if not shutil.which("strace"):
        raise Skip("strace is not installed")
    return ["strace", "-f", "-qq", "-o", output, *options]

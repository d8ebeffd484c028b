# SPDX-License-Identifier: Apache-2.0
"""Runs Windows programs in the root of debian_root.py.

A session has a prefix of its own, so that sessions do not meet, and one
processor: a program and the Wine server answer each other in turn, which takes
four times as long when they sit on two processors.
"""

import contextlib
import ctypes
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import debian_root

PR_SET_CHILD_SUBREAPER = 36  # linux/prctl.h


def adopt_orphans():
    """Makes this process the parent of what Wine leaves in the background, so
    that reap_orphans can wait for it, and an end by SIGTERM an orderly one."""
    ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))


def reap_orphans():
    """To be called when all sessions are closed."""
    try:
        while True:
            os.waitpid(-1, 0)
    except ChildProcessError:
        pass


def compile_program(source, folder, options=()):
    """Builds one of the Windows programs that stand beside this file; with
    -shared, a DLL."""
    compiler = "i686-w64-mingw32-gcc"
    if not shutil.which(compiler):
        raise debian_root.Unavailable(f"{compiler} is not installed")
    ending = ".dll" if "-shared" in options else ".exe"
    program = Path(folder) / source.replace(".c", ending)
    subprocess.run([compiler, "-std=c11", "-O2", "-Wall", "-Wextra", "-Werror",
                    "-s", *options, "-o", program,
                    Path(__file__).parent / source], check=True)
    return program


def remove_abandoned(sessions):
    """Removes what killed runs left behind: nobody holds its lock."""
    for folder in sessions.iterdir():
        try:
            with debian_root.locked(folder / "lock", wait=False):
                shutil.rmtree(folder)
        except BlockingIOError:
            pass


class Session:
    def __init__(self, root, processor):
        self.root = root
        self.processor = processor
        sessions = root / debian_root.SESSIONS
        with debian_root.locked(f"{sessions}.lock"):
            remove_abandoned(sessions)
            self.folder = Path(tempfile.mkdtemp(dir=sessions))
            self.lock = contextlib.ExitStack()
            self.lock.enter_context(debian_root.locked(self.folder / "lock"))
        self.prefix = self.folder / "prefix"
        self._copy_prefix()
        # C:\t, for the files of the caller.
        self.files = self.prefix / "drive_c/t"
        self.files.mkdir()
        # The server stays between programs, which would else wait for a new
        # one each; half a minute after the last it ends by itself.
        self._wine(debian_root.WINESERVER, ["-p30"], [], 60)

    def close(self):
        """Ends the session's processes and removes its files."""
        try:
            self._wine(debian_root.WINESERVER, ["-k", "-w"], [], 60)
        finally:
            shutil.rmtree(self.folder)
            self.lock.close()

    def _copy_prefix(self):
        """Links instead of copies, but for the files that Wine rewrites."""
        original = self.root / debian_root.PREFIX.lstrip("/")
        subprocess.run(["cp", "-al", original, self.prefix], check=True)
        for path in original.iterdir():
            if path.is_file():
                (self.prefix / path.name).unlink()
                shutil.copy2(path, self.prefix / path.name)

    def _wine(self, program, arguments, overrides, timeout):
        inside = "/" + str(self.prefix.relative_to(self.root))
        # Whoever ends this process ends the program too.
        command = ["setpriv", "--pdeathsig", "KILL",
                   "taskset", "--cpu-list", str(self.processor),
                   "chroot", self.root, program, *arguments]
        # Files, since a pipe would stay open as long as the processes that
        # Wine leaves in the background.
        with tempfile.TemporaryFile("w+", errors="replace") as out, \
                tempfile.TemporaryFile("w+", errors="replace") as err:
            done = subprocess.run(
                command, stdin=subprocess.DEVNULL, stdout=out, stderr=err,
                timeout=timeout, check=False,
                env=debian_root.wine_environment(inside, overrides))
            out.seek(0)
            err.seek(0)
            return subprocess.CompletedProcess(
                command, done.returncode, out.read(), err.read())

    def put(self, path, name):
        """Copies a file into C:\\t and gives its Windows path."""
        shutil.copyfile(path, self.files / name)
        return f"C:\\t\\{name}"

    def run(self, program, arguments, native=(), timeout=120):
        """Runs a program of C:\\t. `native` names DLLs, without .dll, that
        Wine shall not look for among its own: quicker, and sure."""
        overrides = [f"{name}=n" for name in native]
        return self._wine(debian_root.WINE, [f"C:\\t\\{program}", *arguments],
                          overrides, timeout)

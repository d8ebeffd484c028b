# SPDX-License-Identifier: Apache-2.0
"""File systems in files of their own, mounted for the time of a `with`."""

import contextlib
import os
import subprocess
import time

from share import Skip, check

SIZE = 64 << 20
PATIENCE = 30  # seconds


def tool(*words):
    """Runs a program of the system, and gives what it printed."""
    done = subprocess.run([*map(str, words)], capture_output=True, text=True,
                          timeout=120)
    check(done.returncode == 0, f"{words}: status {done.returncode}\n"
          f"{done.stdout}{done.stderr}")
    return done.stdout


def wait_for(condition, what):
    end = time.monotonic() + PATIENCE
    while not condition():
        check(time.monotonic() < end, f"waited in vain for {what}")
        time.sleep(0.02)


def need_root():
    if os.geteuid() != 0:
        raise Skip("only root may mount a file system")


def empty(image):
    with open(image, "wb") as file:
        file.truncate(SIZE)


def unmount(folder):
    """A process that has just ended may keep it busy for a moment."""
    wait_for(lambda: subprocess.run(
        ["umount", folder], capture_output=True).returncode == 0,
        f"umount {folder}")


@contextlib.contextmanager
def ext4(folder, image):
    need_root()
    empty(image)
    tool("mkfs.ext4", "-q", image)
    done = subprocess.run(["mount", "-o", "loop", image, folder],
                          capture_output=True, text=True)
    if done.returncode != 0:
        raise Skip(f"no loop device can be mounted: {done.stderr.strip()}")
    try:
        yield
    finally:
        unmount(folder)
    tool("e2fsck", "-fn", image)


def remount(folder, how):
    """Refused while a file is open for writing, so asked again."""
    wait_for(lambda: subprocess.run(
        ["mount", "-o", f"remount,{how}", folder],
        capture_output=True).returncode == 0, f"remount,{how}")


@contextlib.contextmanager
def ntfs(folder, image, options):
    """Through ntfs-3g, in the foreground: its end is when all is written."""
    need_root()
    if not os.path.exists("/dev/fuse"):
        raise Skip("there is no /dev/fuse")
    empty(image)
    tool("mkfs.ntfs", "-F", "-q", image)
    server = subprocess.Popen(
        ["ntfs-3g", "-o", f"no_detach,{options}".rstrip(","), image, folder],
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    try:
        wait_for(lambda: server.poll() is not None or os.path.ismount(folder),
                 "ntfs-3g")
        if server.poll() is not None:
            raise Skip(f"ntfs-3g cannot mount: {server.stdout.read().strip()}")
        try:
            yield
        finally:
            unmount(folder)
        server.wait(PATIENCE)
    finally:
        server.kill()
        server.communicate()


def ntfs_is_consistent(image):
    tool("ntfsfix", "-n", image)
    # Of every name, that what it names can be read.
    tool("ntfscluster", "-f", image)

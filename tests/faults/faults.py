#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The write path on real disks that are full, read-only, taken away or lying:
faults.py --detachfix FILE --samples FOLDER CASE. Exit status 77: skipped.
`faults.py list` names the cases."""

import os
import re
import shutil
import struct
import sys
import threading
import time

sys.dont_write_bytecode = True  # the source tree stays as it is

from fault_case import (Case, Skip, TEMPORARY, check, command, equal, main,
                        sha256, strace, without_room_for_undo)

NOBODY = 65534
CASES = {}


def case(function):
    CASES[function.__name__] = function
    return function


def need_root(why):
    if os.geteuid() != 0:
        raise Skip(f"not root, which is needed to {why}")


def as_nobody(c):
    """What starts a program as an ordinary user, whom modes do bind."""
    need_root("become another user")
    # The program may lie where nobody may not go.
    c.detachfix = str(shutil.copy(c.detachfix, c.top / "detachfix"))
    return ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}",
            "--clear-groups"]


def on_small_disk(c, *options):
    need_root("mount a tmpfs")
    c.mount(c.top / "small", "-t", "tmpfs", "-o", ",".join(options), "none")
    c.use_folder(c.top / "small")


@case
def full_disk(c):
    """Every amount of free space from none to enough."""
    on_small_disk(c, "size=192k")
    filler = c.top / "small" / "filler"
    page = os.sysconf("SC_PAGE_SIZE")
    seen = {"old": 0, "new": 0}
    for pages in range(0, 24):
        c.fill()
        free = os.statvfs(c.folder).f_bavail * page
        filler.write_bytes(bytes(free - pages * page))
        done = c.patch()
        if done.returncode == 0:
            seen["new"] += 1
            equal(c.names(), ["Security.dll", "filler"])
            continue
        seen["old"] += 1
        expected = re.escape(f"detachfix: {c.path}: cannot write the temporary "
                             f"file {c.folder}/.Security.dll.detachfix-")
        check(re.fullmatch(expected + r"\d+-0: No space left on device \(28\)"
                           "\n", done.stdout + done.stderr),
              done.stdout + done.stderr)
        equal(done.returncode, 3)
        c.untouched(["filler"])
    check(seen["old"] > 10 and seen["new"] > 1, seen)


@case
def no_more_files(c):
    """The disk has space, and no room for one more file name."""
    on_small_disk(c, "size=1m", "nr_inodes=2")
    c.fill()
    c.patch(expect=c.failed(f"cannot create a temporary file in {c.folder}: "
                            "No space left on device (28)"))
    c.untouched()


@case
def full_disk_after_backup(c):
    """The backup fits and the file does not: the backup goes again."""
    on_small_disk(c, "size=128k")
    c.fill()
    done = c.patch("--backup")
    check("cannot write the temporary file" in done.stdout + done.stderr,
          done)
    equal(done.returncode, 3)
    c.untouched()


@case
def full_disk_after_side_file(c):
    """The side file fits and the file does not: the side file goes again."""
    without_room_for_undo(c)
    data = c.old
    on_small_disk(c, "size=96k")
    c.fill(data)
    done = c.patch()
    check("cannot write the temporary file" in done.stdout + done.stderr,
          done)
    equal(done.returncode, 3)
    c.untouched()


@case
def side_file(c):
    """The way back through a side file, which is never overwritten."""
    without_room_for_undo(c)
    side = c.folder / "Security.dll.detachfix-undo"
    side.write_bytes(b"something else")
    done = c.patch()
    status, line = c.refused(f"the side file {side} exists and has other "
                             "content")
    equal(done.returncode, status)
    check(line in done.stdout, done)
    c.untouched([side.name])
    side.unlink()
    equal(c.patch().returncode, 0)
    check(sha256(c.path.read_bytes()) != sha256(c.old), "was not patched")
    equal(c.names(), ["Security.dll", side.name])
    equal(c.run("revert", c.path).returncode, 0)
    equal(sha256(c.path.read_bytes()), sha256(c.old))


@case
def read_only_folder(c):
    start = as_nobody(c)
    c.fill()
    os.chown(c.path, NOBODY, NOBODY)
    c.folder.chmod(0o555)
    c.patch(prefix=start,
            expect=c.failed(f"cannot create a temporary file in {c.folder}: "
                            "Permission denied (13)"))
    c.untouched()


@case
def read_only_mount(c):
    need_root("mount")
    c.fill()
    c.mount(c.folder, "--bind", c.folder)
    command("mount", "-o", "remount,ro,bind", c.folder)
    c.patch(expect=c.failed(f"cannot create a temporary file in {c.folder}: "
                            "Read-only file system (30)"))
    c.untouched()


@case
def immutable_file(c):
    need_root("make a file immutable")
    c.fill()
    command("chattr", "+i", c.path)
    try:
        done = c.patch()
        c.untouched()
    finally:
        command("chattr", "-i", c.path)
    equal((done.returncode, done.stdout + done.stderr),
          c.failed("is immutable (chattr -i allows replacing it)"))


@case
def file_of_another_owner(c):
    """The folder is writable, but the owner could not be kept."""
    start = as_nobody(c)
    c.fill()
    c.folder.chmod(0o777)
    done = c.patch(prefix=start)
    check(re.search(r": cannot give the temporary file \S+ the "
                    r"original's state: owner 0:0: Operation not permitted "
                    r"\(1\)$", (done.stdout + done.stderr).rstrip()), done)
    equal(done.returncode, 3)
    c.untouched()


def changed_by(c, change):
    """Patches while `change` happens between the write and the last look."""
    c.fill()

    def wait_and_change():
        deadline = time.monotonic() + 10
        while time.monotonic() < deadline:
            if any(TEMPORARY.match(name) for name in c.names()):
                return change()
            time.sleep(0.01)

    # The write of the temporary file takes a second.
    slow = strace("-e", "trace=fsync", "-e",
                  "inject=fsync:delay_enter=1000000:when=1")
    other = threading.Thread(target=wait_and_change)
    other.start()
    done = c.patch(prefix=slow)
    other.join()
    return done


@case
def file_that_changes_meanwhile(c):
    theirs = b"another program's content"

    def rewrite():
        c.path.write_bytes(theirs)

    def rewrite_unseen():
        """The same size and the old time of modification."""
        info = os.stat(c.path)
        with open(c.path, "r+b") as file:
            file.seek(5000)
            file.write(b"!")
        os.utime(c.path, ns=(info.st_atime_ns, info.st_mtime_ns))

    def rename_over():
        beside = c.top / "beside"
        beside.write_bytes(c.old)
        os.rename(beside, c.path)

    def become_link():
        os.rename(c.path, c.top / "moved")
        os.symlink(c.top / "moved", c.path)

    for change, how in (
            (rewrite, f"it had 58640 bytes and has {len(theirs)} now"),
            (rewrite_unseen, "its permissions, owner, links or attributes "
                             "were changed"),
            (rename_over, "another file stands in its place"),
            (become_link, "a symbolic link stands in its place"),
            (lambda: c.path.chmod(0o600), "its permissions, owner, links or "
                                          "attributes were changed")):
        done = changed_by(c, change)
        equal((done.returncode, done.stdout + done.stderr),
              c.failed("changed since it was read: " + how))
        equal(c.names(), ["Security.dll"])
    equal(changed_by(c, lambda: None).returncode, 0)

    done = changed_by(c, lambda: c.path.unlink())
    equal((done.returncode, done.stdout + done.stderr),
          c.failed("cannot be looked at again: No such file or directory "
                   "(2)"))
    equal(c.names(), [])


@case
def links_and_read_only(c):
    c.fill()
    other = c.folder / "other"
    os.link(c.path, other)
    c.patch(expect=c.refused(
        "has 2 hard links, and only this one would get the new content; "
        "--break-hard-links allows that"))
    c.untouched(["other"])
    other.unlink()

    c.path.chmod(0o444)
    c.patch(expect=c.refused(
        "is read-only (mode 0444); --replace-read-only allows replacing it"))
    c.untouched()
    equal(c.patch("--replace-read-only").returncode, 0)
    equal(c.path.stat().st_mode, 0o100444)

    c.fill()
    link = c.folder / "link.dll"
    link.symlink_to("Security.dll")
    equal(c.run("patch", link).stdout + c.run("patch", link).stderr,
          f"{link}: refused: is a symbolic link; name the file that it "
          "points to\n")
    c.untouched(["link.dll"])


def acl():
    """user::rw-, user:77:r--, group::r--, mask::r--, other::---, in the form
    of the attribute (Linux, uapi posix_acl_xattr.h)."""
    entries = ((1, 6, -1), (2, 4, 77), (4, 4, -1), (16, 4, -1), (32, 0, -1))
    return struct.pack("<I", 2) + b"".join(
        struct.pack("<HHi", *entry) for entry in entries)


def state_of(path):
    info = os.stat(path)
    return (info.st_mode, info.st_uid, info.st_gid, info.st_mtime_ns,
            {name: os.getxattr(path, name) for name in os.listxattr(path)})


@case
def state_survives(c):
    """Mode, owner, times, access list and attributes, there and back."""
    need_root("give a file away")
    c.fill()
    try:
        os.setxattr(c.path, "user.DOSATTRIB", b"0x22\0")
        os.setxattr(c.path, "security.NTACL", bytes(range(100)))
        os.setxattr(c.path, "system.posix_acl_access", acl())
    except OSError as error:
        raise Skip(f"the file system has no extended attributes: {error}")
    os.chown(c.path, 1234, 4321)
    os.utime(c.path, ns=(10**18 + 1, 9 * 10**17 + 123456789))
    before = state_of(c.path)
    equal(len(before[4]), 3)
    equal(c.patch("--backup").returncode, 0)
    equal(state_of(c.path), before)
    equal(state_of(c.folder / "Security.dll.orig"), before)
    equal(c.run("revert", c.path).returncode, 0)
    equal(state_of(c.path), before)
    equal(sha256(c.path.read_bytes()), sha256(c.old))


@case
def one_signal_finishes_the_file(c):
    """The first signal lets the file at hand be finished, and no other."""
    for signal in ("INT", "TERM", "HUP"):
        c.fill()
        second = c.folder / "second.dll"
        second.write_bytes(c.old)
        done = c.patch(second, prefix=strace(
            "-e", "trace=fchmod", "-e", f"inject=fchmod:signal={signal}"
            ":when=1"))
        equal(done.returncode, 130)
        patched = [path for path in (c.path, second)
                   if sha256(path.read_bytes()) != sha256(c.old)]
        equal(len(patched), 1)
        equal(sha256(patched[0].read_bytes()), sha256(c.new()))
        equal(c.names(), ["Security.dll", "second.dll"])


@case
def two_signals_leave_no_temporary_file(c):
    for first, second in (("INT", "INT"), ("INT", "TERM"), ("HUP", "INT")):
        c.fill()
        done = c.patch("--backup", prefix=strace(
            "-e", "trace=utimensat,fsync",
            "-e", f"inject=utimensat:signal={first}:when=2",
            "-e", f"inject=fsync:signal={second}:when=3"))
        # The third fsync is that of the file itself, after the backup's two.
        equal(done.returncode, 130)
        c.untouched()


# All that touches a file or its folder.
CALLS = ("openat", "read", "write", "close", "fsync", "fchmod", "fchown",
         "utimensat", "fsetxattr", "fremovexattr", "flistxattr", "fgetxattr",
         "llistxattr", "lgetxattr", "newfstatat", "rename", "renameat2",
         "unlink")


def calls_made(c, *words):
    """How often a good run makes each of CALLS."""
    log = c.top / "calls"
    done = c.patch(*words, prefix=strace("-e", "trace=" + ",".join(CALLS),
                                         output=str(log)))
    equal(done.returncode, 0)
    counts = dict.fromkeys(CALLS, 0)
    for line in log.read_text().splitlines():
        name = re.match(r"\d+ +(\w+)\(", line)
        if name:
            counts[name.group(1)] += 1
    return counts


def give_state(c):
    """So that a run has an owner and attributes to carry over."""
    os.chown(c.path, 1234, 4321)
    os.setxattr(c.path, "user.DOSATTRIB", b"0x22\0")


def each_call(c, fault, calls=CALLS):
    """Runs once for each system call of a good run, which has `fault`. Gives
    pairs of what was done and the finished process."""
    need_root("give a file away")
    c.fill()
    give_state(c)
    counts = calls_made(c, "--backup")
    for name in ("write", "fsync", "rename", "renameat2", "fchown",
                 "fsetxattr", "fchmod", "utimensat", "unlink"):
        # Of these a good run needs each but unlink.
        check(counts[name] > 0 or name == "unlink", f"{name} never called")
    for name in calls:
        for when in range(1, counts[name] + 1):
            c.fill()
            give_state(c)
            yield f"{name} {when}", c.patch("--backup", prefix=strace(
                "-e", "trace=" + name, "-e",
                f"inject={name}:{fault}:when={when}"))


def each_call_fails(c, error):
    c.fill()
    new = c.new()
    runs = 0
    for what, done in each_call(c, f"error={error}"):
        runs += 1
        is_new = c.old_or_new(new)
        context = f"{error} at {what}: {done}, {c.names()}"
        if not is_new:
            check(done.returncode != 0, "success though nothing was done: "
                  + context)
            equal(c.names(), ["Security.dll"])
        else:
            check(c.names() == ["Security.dll", "Security.dll.orig"], context)
            backup = (c.folder / "Security.dll.orig").read_bytes()
            equal(sha256(backup), sha256(c.old))
    check(runs > 60, f"only {runs} runs")
    print(f"{runs} runs")


@case
def each_system_call_fails_with_eio(c):
    each_call_fails(c, "EIO")


@case
def each_system_call_fails_with_enospc(c):
    each_call_fails(c, "ENOSPC")


@case
def a_disk_that_writes_less_than_it_says(c):
    """write() claims to have written and wrote nothing: found by reading."""
    c.fill()
    new = c.new()
    found = 0
    for what, done in each_call(c, "retval=40000", calls=("write",)):
        is_new = c.old_or_new(new)
        if not is_new:
            c.untouched()
        found += "reads back with SHA-256" in done.stdout + done.stderr
    equal(found, 2)  # the backup and the file


@case
def killed_at_each_system_call(c):
    """SIGKILL leaves the file old or new, at most a temporary file beside it,
    and the next run does the rest."""
    c.fill()
    new = c.new()
    for what, done in each_call(
            c, "signal=KILL",
            calls=("write", "fsync", "close", "fchmod", "fchown", "utimensat",
                   "fsetxattr", "rename", "renameat2")):
        c.old_or_new(new)
        for name in c.names():
            check(name in ("Security.dll", "Security.dll.orig")
                  or TEMPORARY.match(name), f"{what} leaves {name}")
        again = c.patch("--backup")
        equal(again.returncode, 0)
        check(c.old_or_new(new), f"not patched after {what}")
        # ... and clears up.
        equal([name for name in c.names() if TEMPORARY.match(name)], [])


if __name__ == "__main__":
    sys.exit(main(CASES, Case))

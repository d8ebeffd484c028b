#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""What `detachfix batch` keeps of a file on ext4, on NTFS and on a Samba share,
and files that others use: batch_shares.py --detachfix FILE --samples FOLDER
CASE. `batch_shares.py list` names the cases."""

import os
import struct
import subprocess
import sys

sys.dont_write_bytecode = True  # the source tree stays as it is

import mounts
from share import LEAKING, OTHER_LEAKING, check, equal, main, sha256
from samba import Samba

CASES = {}
NAME = "image/system32/Security.dll"
# 100 ns since 1601: 1996-12-05, as [MS-DTYP] FILETIME has it.
CREATED = struct.pack("<Q", 0x01BBE25A_12345678)
READ_ONLY, HIDDEN, SYSTEM, ARCHIVE = 0x1, 0x2, 0x4, 0x20


def case(function):
    CASES[function.__name__] = function
    return function


def state(path, unlisted=()):
    """What the system says of a file, apart from its content."""
    info = os.lstat(path)
    names = [*os.listxattr(path), *unlisted]
    return {"mode": oct(info.st_mode), "owner": info.st_uid,
            "group": info.st_gid, "modified": info.st_mtime_ns,
            "attributes": {name: os.getxattr(path, name) for name in names}}


def applied_and_undone(share, path, look, *words, find=()):
    """Patches one file and takes it back; `look` sees the same each time. `find`
    are options for batch alone."""
    original = path.read_bytes()
    before = look(path)
    share.batch("--apply", *words, *find, status=0)
    equal(look(path), before)
    check(path.read_bytes() != original, "was not patched")
    before = look(path)  # to read it has set a time
    share.revert(share.runs()[0], *words)
    equal(look(path), before)
    equal(path.read_bytes(), original)
    equal(share.litter(), [])


@case
def ext4_keeps_owner_mode_times_and_attributes(share):
    with mounts.ext4(share.root, share.top / "image"):
        path = share.put(NAME, share.sample(LEAKING))
        # What the folder hands down must not reach the file.
        os.chown(path.parent, 0, 4321)
        path.parent.chmod(0o3770)
        mounts.tool("setfacl", "-d", "-m", "u:77:rwx", path.parent)
        os.chown(path, 1234, 2345)
        path.chmod(0o4751)
        mounts.tool("setfacl", "-m", "u:1000:r--,g:2000:rw-,m::rw-", path)
        os.setxattr(path, "user.DOSATTRIB", b"\0\0\5\0\5\0\0\0\x11\0\0\0")
        os.setxattr(path, "security.NTACL", bytes(range(200)))
        os.setxattr(path, "trusted.overlay.opaque", b"y")
        os.utime(path, ns=(915148800_123456789, 862358400_000000001))

        def look(path):
            return {**state(path), "accessed": os.lstat(path).st_atime_ns,
                    "access list": mounts.tool("getfacl", "-pn", path)}
        found = state(path)["attributes"]
        check("system.posix_acl_access" in found, found)
        applied_and_undone(share, path, look)


@case
def ext4_keeps_the_flags_of_chattr(share):
    with mounts.ext4(share.root, share.top / "image"):
        path = share.put(NAME, share.sample(LEAKING))
        # What the folder hands down must not reach the file.
        mounts.tool("chattr", "+d", path.parent)
        mounts.tool("chattr", "+ASsut", path)
        mounts.tool("chattr", "-d", path)

        def look(path):
            flags = mounts.tool("lsattr", path).split()[0]
            equal({*flags} - {*"-e"}, {*"ASsut"})
            return {**state(path), "flags": flags}
        applied_and_undone(share, path, look)
        mounts.tool("chattr", "-ASsut", path)
        mounts.tool("chattr", "+d", path)
        applied_and_undone(share, path,
                           lambda path: mounts.tool("lsattr", path))


@case
def ext4_hard_links_are_left_alone_unless_asked(share):
    with mounts.ext4(share.root, share.top / "image"):
        path = share.put(NAME, share.sample(LEAKING))
        link = path.with_name("kept.bin")
        os.link(path, link)
        done = share.batch("--apply", status=2)
        check("has 2 hard links" in done.stdout, done.stdout)
        equal(os.lstat(path).st_ino, os.lstat(link).st_ino)
        applied_and_undone(share, path, state, "--break-hard-links")
        equal(link.read_bytes(), path.read_bytes())


@case
def ext4_immutable_files_are_named_as_such(share):
    with mounts.ext4(share.root, share.top / "image"):
        path = share.put(NAME, share.sample(LEAKING))
        before = share.hashes()
        for flag, problem in (("i", "is immutable (chattr -i allows "),
                              ("a", "can only be appended to (chattr -a ")):
            mounts.tool("chattr", "+" + flag, path)
            done = share.batch("--apply", status=3)
            mounts.tool("chattr", "-" + flag, path)
            check(f"Security.dll: {problem}" in done.stderr, done.stderr)
            equal(share.hashes(), before)
        share.batch("--apply", status=0)


@case
def ext4_turns_read_only_in_the_middle(share):
    with mounts.ext4(share.root, share.top / "image"):
        paths = share.leaking(12)
        old = share.hashes()
        new = {sha256(share.new(share.sample(name)))
               for name in (LEAKING, OTHER_LEAKING)}
        process = subprocess.Popen(
            share.line("batch", "--ledger", share.ledger, "--apply", "-j", 1,
                       "--throttle", 4, share.root), stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, text=True)
        process.stdout.readline()
        mounts.remount(share.root, "ro")
        _, err = process.communicate(timeout=60)
        equal(process.returncode, 3)
        check("Read-only file system (30)" in err, err)
        now = share.hashes()
        done = [path for path in old if now[path] != old[path]]
        check(0 < len(done) < len(paths), f"{len(done)} were patched")
        check({now[path] for path in done} <= new, "neither old nor new")
        mounts.remount(share.root, "rw")
        share.batch("--apply", status=0)
        equal({*share.hashes().values()}, new)
        equal(share.litter(), [])


def ntfs_descriptor(trustee):
    """A self-relative security descriptor, [MS-DTYP] 2.4.6: owner and group
    BUILTIN\\Administrators, who may do all; `trustee` (S-1-1-0 and the like, one
    subauthority) may read and execute."""
    def sid(authority, *subs):
        return struct.pack("<BB", 1, len(subs)) + authority.to_bytes(
            6, "big") + struct.pack(f"<{len(subs)}I", *subs)
    def allow(mask, who):
        return struct.pack("<BBHI", 0, 0, 8 + len(who), mask) + who
    administrators = sid(5, 32, 544)
    aces = allow(0x1F01FF, administrators) + allow(0x1200A9, sid(*trustee))
    acl = struct.pack("<BBHHH", 2, 0, 8 + len(aces), 2, 0) + aces
    owner_at = 20 + len(acl)
    return struct.pack("<BBHIIII", 1, 0, 0x8004, owner_at,
                       owner_at + len(administrators), 0,
                       20) + acl + 2 * administrators


NTFS = ("system.ntfs_acl", "system.ntfs_attrib", "system.ntfs_crtime")


def put_on_ntfs(share, name, dos_attributes):
    path = share.put(name, share.sample(LEAKING))
    os.setxattr(path, "user.Zone.Identifier", b"[ZoneTransfer]\r\nZoneId=3\r\n")
    os.setxattr(path, "system.ntfs_acl", ntfs_descriptor((1, 0)))
    os.setxattr(path, "system.ntfs_crtime", CREATED)
    os.utime(path, ns=(862358400_000000000, 862358400_123456700))
    os.setxattr(path, "system.ntfs_attrib", struct.pack("<I", dos_attributes))
    return path


@case
def ntfs_keeps_dos_attributes_access_list_and_times(share):
    """Each under a mapping of owners and modes of its own (ntfs-3g(8))."""
    def look(path):
        found = state(path, NTFS)
        flags = struct.unpack("<I", found["attributes"]["system.ntfs_attrib"])
        equal([hex(flag) for flag in flags], [hex(HIDDEN | SYSTEM | ARCHIVE)])
        equal(found["attributes"]["system.ntfs_crtime"], CREATED)
        return found
    for options in ("", ",permissions"):
        image = share.top / f"image{options}"
        with mounts.ntfs(share.root, image, "streams_interface=xattr" + options):
            path = put_on_ntfs(share, "WINNT/SYSTEM32/SECURITY.DLL",
                               HIDDEN | SYSTEM | ARCHIVE)
            applied_and_undone(share, path, look)
            equal(os.listdir(path.parent), ["SECURITY.DLL"])
        mounts.ntfs_is_consistent(image)


@case
def ntfs_compressed_files_are_patched(share):
    """New files of a compressed folder are compressed ([MS-FSCC] 2.6)."""
    compressed = 0x800
    image = share.top / "image"
    with mounts.ntfs(share.root, image, "compression"):
        folder = share.root / "image"
        folder.mkdir()
        os.setxattr(folder, "system.ntfs_attrib", struct.pack("<I", compressed))
        path = share.put("image/Security.dll", share.sample(LEAKING))

        def look(path):
            value = os.getxattr(path, "system.ntfs_attrib")
            check(struct.unpack("<I", value)[0] & compressed, value)
            return state(path, NTFS)
        applied_and_undone(share, path, look)
    mounts.ntfs_is_consistent(image)


@case
def ntfs_read_only_is_respected(share):
    image = share.top / "image"
    with mounts.ntfs(share.root, image, ""):
        # ARCHIVE, changed since the last backup, comes with the rename anyhow.
        path = put_on_ntfs(share, NAME, READ_ONLY | ARCHIVE)
        before = share.hashes()
        done = share.batch("--apply", status=2)
        check("is read-only (DOS attribute); --replace-read-only"
              in done.stdout, done.stdout)
        equal(share.hashes(), before)
        applied_and_undone(share, path, lambda path: state(path, NTFS),
                           "--replace-read-only")
    mounts.ntfs_is_consistent(image)


@case
def ntfs_keeps_the_name_for_old_programs(share):
    image = share.top / "image"
    short = "system.ntfs_dos_name"
    with mounts.ntfs(share.root, image, ""):
        path = share.put("image/Security of old.dll", share.sample(LEAKING))
        os.setxattr(path, short, b"SECURI~1.DLL")
        applied_and_undone(share, path, lambda path: os.getxattr(path, short),
                           find=("--include", "*.dll"))
    mounts.ntfs_is_consistent(image)


@case
def ntfs_reports_of_killed_runs_are_cleared(share):
    """There a report has a name while it grows: the next run that writes one of
    that name removes what is left, but nothing of a run that goes on."""
    share.leaking(30)
    reports = share.top / "reports"
    reports.mkdir()
    with mounts.ntfs(reports, share.top / "image", ""):
        word = f"--report={reports}/run.csv"
        killed = share.start(word)
        killed.kill()
        killed.communicate(timeout=60)
        left = os.listdir(reports)
        equal(len(left), 1)
        living = share.start(word, "--recheck")
        equal(len({*os.listdir(reports)} - {*left}), 1)
        share.batch(word, status=1)
        equal(len(os.listdir(reports)), 2)
        _, err = living.communicate(timeout=60)
        check(living.returncode == 0, err)
        equal(os.listdir(reports), ["run.csv"])


@case
def samba_clients_see_the_same_file_patched(share):
    with Samba(share.root, share.top / "samba") as samba:
        local = share.top / "local.dll"
        local.write_bytes(share.sample(LEAKING))
        stream = share.top / "stream"
        stream.write_bytes(b"[ZoneTransfer]\r\nZoneId=3\r\n")
        samba.client(f"put {local} Security.dll",
                     f"put {stream} Security.dll:Zone.Identifier",
                     "setmode Security.dll +hsa")
        samba.allow_reading("Security.dll")
        path = share.root / "Security.dll"
        names = os.listxattr(path)
        check({"user.DOSATTRIB", "security.NTACL"} <= {*names}, names)
        patched = share.new(local.read_bytes())

        def look(_):
            found = samba.all_info("Security.dll")
            equal(found["attributes"], "HSA (26)")
            return {**state(path), "client": found,
                    "access list": samba.access_list("Security.dll")}
        before = look(path)
        share.batch("--apply", status=0)
        equal(sha256(samba.get("Security.dll")), sha256(patched))
        equal(look(path), before)
        equal(samba.get("Security.dll:Zone.Identifier"), stream.read_bytes())
        share.revert(share.runs()[0])
        equal(sha256(samba.get("Security.dll")), sha256(local.read_bytes()))
        equal(look(path), before)


@case
def samba_clients_are_not_patched_under(share):
    with Samba(share.root, share.top / "samba") as samba:
        path = share.put("Security.dll", share.sample(LEAKING))
        before = share.hashes()
        with samba.open_for_writing("Security.dll", path):
            done = share.batch("--apply", status=3)
            check("Security.dll: is in use: another program has "
                  in done.stderr, done.stderr)
            equal(share.hashes(), before)
        share.batch("--apply", status=0)
        equal(sha256(samba.get("Security.dll")),
              sha256(share.new(share.sample(LEAKING))))


@case
def samba_read_only_is_respected(share):
    """By the DOS attribute, which the mode does not show (map readonly)."""
    with Samba(share.root, share.top / "samba") as samba:
        local = share.top / "local.dll"
        local.write_bytes(share.sample(LEAKING))
        samba.client(f"put {local} Security.dll", "setmode Security.dll +r")
        path = share.root / "Security.dll"
        check(path.stat().st_mode & 0o200, oct(path.stat().st_mode))
        before = share.hashes()
        done = share.batch("--apply", status=2)
        check("is read-only (DOS attribute); --replace-read-only"
              in done.stdout, done.stdout)
        equal(share.hashes(), before)

        def look(_):
            found = samba.all_info("Security.dll")
            equal(found["attributes"], "RA (21)")
            return {**state(path), "client": found}
        applied_and_undone(share, path, look, "--replace-read-only")


@case
def samba_clients_with_an_oplock_are_asked_for_it(share):
    """The server has a lease for them (kernel oplocks, smb.conf(5)), so that
    even a reader must wait until it is given up."""
    with Samba(share.root, share.top / "samba") as samba:
        path = share.put("Security.dll", share.sample(LEAKING))
        before = share.hashes()
        with samba.oplock("Security.dll", "batch") as client:
            equal(client.granted, "batch")
            for words in ((), ("--apply",)):
                done = share.batch(*words, status=3)
                check("Security.dll: is in use: another program has a lease "
                      "on it" in done.stderr, done.stderr)
            equal(share.hashes(), before)
        equal(client.end, "broken")
        for level in ("batch", "exclusive"):
            path.write_bytes(share.sample(LEAKING))
            with samba.oplock("Security.dll", level, "answer") as client:
                equal(client.granted, level)
                share.batch("--apply", status=0)
            equal(client.end, "given up")
            equal(sha256(samba.get("Security.dll")),
                  sha256(share.new(share.sample(LEAKING))))


class Holder:
    """Another process that has `path` open and does `what` to it, until the
    `with` ends or `seconds` are over."""

    SCRIPT = """
import fcntl, mmap, os, signal, sys, time
path, flags, what, seconds = sys.argv[1:]
signal.signal(signal.SIGIO, signal.SIG_IGN)  # a lease is asked for
fd = os.open(path, getattr(os, flags))
{"flock": lambda: fcntl.flock(fd, fcntl.LOCK_EX),
 "bytes": lambda: fcntl.lockf(fd, fcntl.LOCK_SH, 16),
 "read lease": lambda: fcntl.fcntl(fd, fcntl.F_SETLEASE, fcntl.F_RDLCK),
 "write lease": lambda: fcntl.fcntl(fd, fcntl.F_SETLEASE, fcntl.F_WRLCK),
 "map": lambda: globals().update(map=mmap.mmap(
     fd, 0, mmap.MAP_PRIVATE, mmap.PROT_READ | mmap.PROT_EXEC)),
}[what]()
print("held", flush=True)
if what == "map":
    sys.stdin.readline()
    sys.stdout.buffer.write(map[:])
else:
    time.sleep(float(seconds))
"""

    def __init__(self, path, what, flags="O_RDONLY", seconds=60):
        self.process = subprocess.Popen(
            [sys.executable, "-c", self.SCRIPT, path, flags, what,
             str(seconds)], stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def __enter__(self):
        equal(self.process.stdout.readline(), b"held\n")
        return self.process

    def __exit__(self, *_):
        self.process.kill()
        self.process.communicate()


@case
def a_lock_for_a_short_time_is_waited_for(share):
    (path,) = share.leaking(1)
    with Holder(path, "flock", seconds=1):
        share.batch("--apply", status=0)


@case
def leases_and_locked_bytes_are_reported(share):
    (path,) = share.leaking(1)
    before = share.hashes()
    for what, flags, problem in (
            ("read lease", "O_RDONLY", "another program has a lease on it"),
            ("write lease", "O_RDWR", "another program has a lease on it"),
            ("bytes", "O_RDONLY", "process {} has locked bytes of it"),
            ("bytes", "O_RDWR", "another program has it open for writing")):
        with Holder(path, what, flags) as holder:
            done = share.batch("--apply", status=3)
            problem = "is in use: " + problem.format(holder.pid)
            check(problem in done.stderr, f"{what}: {done.stderr}")
            equal(share.hashes(), before)
    share.batch("--apply", status=0)


@case
def a_program_that_runs_keeps_what_it_has_mapped(share):
    (path,) = share.leaking(1)
    original = path.read_bytes()
    with Holder(path, "map") as holder:
        share.batch("--apply", status=0)
        check(path.read_bytes() != original, "was not patched")
        mapped, _ = holder.communicate(b"\n", timeout=60)
        equal(sha256(mapped), sha256(original))


if __name__ == "__main__":
    sys.exit(main(CASES))

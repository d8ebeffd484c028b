#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""`detachfix batch` when it is killed, when the disk fails, and when another
one works on the same share: batch_faults.py --detachfix FILE --samples FOLDER
CASE. Exit status 77: skipped. `batch_faults.py list` names the cases."""

import shutil
import subprocess
import sys

sys.dont_write_bytecode = True  # the source tree stays as it is

from share import (check, equal, main, most_calls, nothing_goes_on, sha256,
                   steps, strace)

CASES = {}

# What changes a folder or a file, in the ledger too.
WRITES = ("openat,write,pwrite64,fsync,fdatasync,rename,renameat2,unlink,"
          "unlinkat,ftruncate,fchmod,fchown,utimensat,fsetxattr,close,mkdir,"
          "link,flock")


def case(function):
    CASES[function.__name__] = function
    return function


def fill(share):
    """Three leaking files, as if nothing had ever been done to them."""
    shutil.rmtree(share.root)
    share.root.mkdir()
    for name in list(share.top.glob("ledger.sqlite*")):
        name.unlink()
    return share.leaking(3)


def calls_of(share, kinds):
    """How many system calls of each of `kinds` a run makes in one thread."""
    log = share.top / "calls"
    fill(share)
    done = share.batch("--apply", "-j", 1, prefix=strace(
        "-e", f"trace={kinds}", output=log))
    equal(done.returncode, 0)
    return most_calls(log)


def whole(share, paths, olds, news):
    """Each file is old or new; how many are new."""
    for path, old, new in zip(paths, olds, news):
        now = sha256(path.read_bytes())
        check(now in (sha256(old), sha256(new)), f"{path}: half a file")
    return sum(path.read_bytes() == new for path, new in zip(paths, news))


def complete(share, paths, news):
    """Goes on with the run, or begins it when nothing of it was noted, and
    sees that all is done and nothing lies about."""
    done = share.batch("--resume")
    if nothing_goes_on(done):
        done = share.batch("--apply", "-j", 1)
    check(done.returncode == 0, done.stdout + done.stderr)
    for path, new in zip(paths, news):
        equal(sha256(path.read_bytes()), sha256(new))
    equal(share.litter(), [])


@case
def killed_at_each_system_call(share):
    paths = fill(share)
    olds = [path.read_bytes() for path in paths]
    news = [share.new(old) for old in olds]
    ends = set()
    for kind, count in calls_of(share, WRITES):
        for number in steps(count, 30):
            paths = fill(share)
            share.batch("--apply", "-j", 1, prefix=strace(
                "-e", f"trace={kind}",
                "-e", f"inject={kind}:signal=KILL:when={number}"))
            ends.add(whole(share, paths, olds, news))
            complete(share, paths, news)
    equal(ends, {0, 1, 2, 3})


def fails(share, error, kinds):
    paths = fill(share)
    olds = [path.read_bytes() for path in paths]
    news = [share.new(old) for old in olds]
    seen = set()
    for kind, count in calls_of(share, kinds):
        for number in steps(count, 12):
            paths = fill(share)
            done = share.batch("--apply", "-j", 1, prefix=strace(
                "-e", f"trace={kind}",
                "-e", f"inject={kind}:error={error}:when={number}"))
            if "error while loading shared libraries" in done.stderr:
                continue  # that was not detachfix yet
            check(done.returncode in (0, 3, 64),
                  f"{kind} {number}: {done.returncode}\n{done.stderr}")
            seen.add(done.returncode)
            whole(share, paths, olds, news)
            done = share.batch("--apply", "-j", 1)
            check(done.returncode == 0,
                  f"{kind} {number}: {done.stdout}{done.stderr}")
            equal(whole(share, paths, olds, news), 3)
            equal(share.litter(), [])
    check(3 in seen, f"nothing failed: {seen}")


WRITE_SIDE = ("write,pwrite64,fsync,fdatasync,rename,renameat2,unlink,"
              "ftruncate,fchmod,utimensat")


@case
def each_write_fails_with_eio(share):
    fails(share, "EIO", WRITE_SIDE)


@case
def each_write_fails_with_enospc(share):
    fails(share, "ENOSPC", "write,pwrite64,fsync,ftruncate")


@case
def each_write_fails_with_erofs(share):
    fails(share, "EROFS", "openat,rename,renameat2,unlink")


@case
def each_call_fails_with_estale(share):
    fails(share, "ESTALE", "openat,newfstatat,rename,fsync,read,pread64")


@case
def a_disk_that_writes_less_than_it_says(share):
    """strace makes write() report a byte that it did not write: what is read
    back differs, so nothing takes the place of a file."""
    paths = fill(share)
    olds = [path.read_bytes() for path in paths]
    news = [share.new(old) for old in olds]
    calls = dict(calls_of(share, "write"))["write"]
    for number in steps(calls, 12):
        paths = fill(share)
        share.batch("--apply", "-j", 1, "-q", prefix=strace(
            "-e", "trace=write",
            "-e", f"inject=write:retval=1:when={number}"))
        whole(share, paths, olds, news)
        complete(share, paths, news)


@case
def two_at_once_never_patch_twice(share):
    for _ in range(4):
        paths = fill(share) + share.leaking(12)[3:]
        olds = [path.read_bytes() for path in paths]
        line = share.line("batch", "--apply", "--jsonl", "--ledger")
        processes = [subprocess.Popen(
            [*line, share.top / ledger, share.root], text=True,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE)
            for ledger in ("ledger.sqlite", "ledger.sqlite",
                           "ledger.sqlite.other")]
        outputs = [process.communicate(timeout=120) for process in processes]
        for process, (out, err) in zip(processes, outputs):
            check(process.returncode == 0, out + err)
        patched = sum(out.count('"action":"patched"') for out, _ in outputs)
        equal(patched, len(paths))
        for path, old in zip(paths, olds):
            equal(sha256(path.read_bytes()), sha256(share.new(old)))
        equal(share.litter(), [])


if __name__ == "__main__":
    sys.exit(main(CASES))

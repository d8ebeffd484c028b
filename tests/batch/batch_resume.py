#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""What `detachfix batch --resume` makes of runs that did not finish:
batch_resume.py --detachfix FILE --samples FOLDER CASE. `batch_resume.py list`
names the cases."""

import fcntl
import re
import signal
import subprocess
import sys

sys.dont_write_bytecode = True  # the source tree stays as it is

from share import check, equal, main

CASES = {}


def case(function):
    CASES[function.__name__] = function
    return function


@case
def a_run_that_goes_on_keeps_the_way_back_of_what_it_did(share):
    """... whatever was put beside the file meanwhile, and if it was touched."""
    paths = share.leaking(30)
    interrupted(share)
    for number, path in enumerate(paths):
        path.with_name("SECURITY.DBG").write_bytes(b"symbols")
        if number % 2 == 0:
            path.chmod(0o600)
    items = share.items("--resume", status=0)
    equal([item["action"] for item in items.values()],
          len(paths) * ["patched"])
    share.revert(share.runs()[0])
    for path in paths:
        equal(share.run("verify", path).returncode, 1)


def interrupted(share):
    """A run of at most 20 files a second, interrupted after the first; its id."""
    process = share.start()
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=60)
    equal(process.returncode, 130)
    match = re.search(r"\ndetachfix: interrupted; to go on: detachfix batch "
                      r"--resume (\S+) --ledger (\S+)\n$", err)
    check(match, err)
    equal(match[2], str(share.ledger))
    return match[1]


@case
def an_interrupted_run_goes_on(share):
    paths = share.leaking(30)
    interrupted(share)
    done = [path for path in paths
            if share.run("verify", path).returncode == 0]
    check(0 < len(done) < len(paths), f"{len(done)} were done")
    items = share.items("--resume", status=0)
    equal(len(items), len(paths))
    equal([item["action"] for item in items.values()],
          len(paths) * ["patched"])
    equal(sum(item["from_ledger"] for item in items.values()), len(done))
    (run,) = share.runs()
    # ... and is one run, which is undone as one.
    share.revert(run)
    for path in paths:
        equal(share.run("verify", path).returncode, 1)
    check("has finished" in share.batch("--resume", status=3).stderr,
          "resumed what was complete")


@case
def a_run_that_goes_on_after_it_was_undone_is_undone_again(share):
    share.leaking(20)
    before = share.hashes()
    run = interrupted(share)
    share.revert(run)
    equal(share.hashes(), before)
    check("20 patched" in share.batch("--resume", run, status=0).stderr,
          "did not go on")
    check("20 reverted" in share.revert(run).stderr, "not all were reverted")
    equal(share.hashes(), before)


@case
def a_run_that_goes_on_tries_again_what_failed(share):
    """Nothing of the file itself is another when it is not in use any more."""
    paths = share.leaking(30)
    before = share.hashes()
    with open(paths[1], "r+b") as holder:
        fcntl.flock(holder, fcntl.LOCK_EX)
        process = share.start()
        # Ten seconds are waited for the lock, and meanwhile progress is told.
        check(any("is in use" in line for line in process.stderr), "was not")
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=60)
    equal(process.returncode, 130)
    items = share.items("--resume", status=0)
    equal([item["action"] for item in items.values()],
          len(paths) * ["patched"])
    (run,) = share.runs()
    share.revert(run)
    equal(share.hashes(), before)


@case
def nothing_goes_on_with_a_run_that_no_ledger_has(share):
    share.leaking(30)
    share.ledger.write_text("no database" * 100)
    process = subprocess.Popen(
        share.line("batch", "--ledger", share.ledger, "--throttle", 20,
                   share.root), stdout=subprocess.PIPE,
        stderr=subprocess.PIPE, text=True)
    process.stdout.readline()
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=60)
    equal(process.returncode, 130)
    check(err.endswith("\ndetachfix: interrupted\n"), err)


@case
def an_interrupted_undo_is_given_again(share):
    paths = share.leaking(3)
    share.batch("--apply", status=0)
    (run,) = share.runs()
    words = ("revert", "--ledger", share.ledger, "--run", run)
    # The last is reverted first; for the next one it waits.
    with open(paths[1], "r+b") as holder:
        fcntl.flock(holder, fcntl.LOCK_EX)
        process = subprocess.Popen(share.line(*words), stdout=subprocess.PIPE,
                                   stderr=subprocess.PIPE, text=True)
        process.stdout.readline()
        process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=60)
    equal(process.returncode, 130)
    check(err.endswith("\ndetachfix: interrupted; to go on, give the same "
                       f"again: detachfix {' '.join(map(str, words))}\n"), err)
    share.revert(run)
    for path in paths:
        equal(share.run("verify", path).returncode, 1)


@case
def a_named_run_goes_on(share):
    share.leaking(12)
    first = interrupted(share)
    second = interrupted(share)
    equal(share.runs(), [second, first])
    items = share.items("--resume=" + first[:-1], status=0)
    equal({item["run"] for item in items.values()}, {first})
    done = share.batch("--resume", first, status=3)
    check(done.stderr.startswith(f"detachfix: run {first} has finished: "
                                 "12 files: "), done.stderr)
    done = share.batch("--resume", "1999", status=3)
    equal(done.stderr, f"detachfix: the ledger {share.ledger}: has no run "
          "'1999'\n")
    # The last one that did not finish, where none is named.
    items = share.items("--resume", status=0)
    equal({item["run"] for item in items.values()}, {second})
    share.revert(first)
    undo = share.runs()[0]
    done = share.batch("--resume", undo, status=3)
    equal(done.stderr, f"detachfix: run {undo} is one of 'detachfix revert', "
          "which is given again to go on\n")
    done = share.run("batch", "--resume", first, second)
    equal(done.returncode, 64)


@case
def a_run_that_goes_on_is_not_resumed(share):
    share.leaking(80)  # four seconds
    process = share.start()
    done = share.batch("--resume", status=3)
    taken_back = share.run("revert", "--ledger", share.ledger, "--run",
                           share.runs()[0])
    process.communicate(timeout=60)
    equal(process.returncode, 0)
    check(done.stderr.endswith(" is still running\n"), done.stderr)
    equal((taken_back.returncode, taken_back.stderr), (3, done.stderr))
    share.revert(share.runs()[0])


@case
def a_run_is_resumed_by_one_process_at_a_time(share):
    """The one that goes on is not the one that its id names."""
    share.leaking(40)
    before = share.hashes()
    process = share.start()
    process.kill()
    process.communicate(timeout=60)
    first = subprocess.Popen(
        share.line("batch", "--ledger", share.ledger, "--resume"),
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    first.stdout.readline()
    second = share.batch("--resume", status=3)
    check(second.stderr.endswith(" is still running\n"), second.stderr)
    check(first.poll() is None, "the first one ended too early")
    first.communicate(timeout=60)
    equal(first.returncode, 0)
    (run,) = share.runs()
    share.revert(run)
    equal(share.hashes(), before)


@case
def a_resumed_run_that_is_killed_is_resumed_again(share):
    share.leaking(40)
    before = share.hashes()
    process = share.start()
    for _ in range(2):
        process.kill()
        process.communicate(timeout=60)
        process = subprocess.Popen(
            share.line("batch", "--ledger", share.ledger, "--resume"),
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        process.stdout.readline()
    process.communicate(timeout=60)
    equal(process.returncode, 0)
    (run,) = share.runs()
    share.revert(run)
    equal(share.hashes(), before)


if __name__ == "__main__":
    sys.exit(main(CASES))

#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Which ledger `detachfix batch`, `history` and `revert --run` take, who makes
it, and who may read it: batch_ledger.py --detachfix FILE --samples FOLDER CASE.
`batch_ledger.py list` names the cases."""

import contextlib
import os
import sys

sys.dont_write_bytecode = True  # the source tree stays as it is

from share import check, equal, main

CASES = {}


def case(function):
    CASES[function.__name__] = function
    return function


@case
def only_a_batch_that_begins_makes_a_ledger(share):
    share.leaking(1)
    typo = share.top / "state" / "typo.sqlite"
    for words in (("history",), ("history", "2000"), ("revert", "--run", "x"),
                  ("batch", "--resume")):
        done = share.run(*words, "--ledger", typo)
        equal((done.returncode, done.stdout, done.stderr),
              (3, "", f"detachfix: there is no ledger {typo}\n"))
    for words in (("--report", "run.txt"), ("--shard", "3/2")):
        done = share.run("batch", "--ledger", typo, *words, share.root)
        equal(done.returncode, 64)
    check(not typo.parent.exists(), "something was made")
    equal(share.run("batch", "--ledger", typo, share.root).returncode, 1)
    check(typo.exists(), "no ledger was made")


@case
def its_own_files_are_left_alone(share):
    [dll] = share.leaking(1)
    ledger = share.root / "l.sqlite"
    linked = share.top / "linked"
    linked.symlink_to(share.root)
    for folder in (share.root, linked):
        done = share.run("batch", "--ledger", ledger, "--include", "*", folder)
        equal((done.returncode, done.stdout.partition(":")[0], done.stderr),
              (1, str(folder / dll.relative_to(share.root)),
               "detachfix: 1 file: 1 would be patched\n"))
    other = share.top / "other.sqlite"
    done = share.run("batch", "--ledger", other, "--include", "*.sqlite",
                     share.root)
    check(f"{ledger}: " in done.stderr, "another ledger is a file like any")


@case
def whom_the_system_does_not_know_must_name_it(share):
    if os.geteuid() != 0:
        return  # nobody else can be another
    share.top.chmod(0o755)
    done = share.run("history", prefix=(
        "env", "-u", "XDG_STATE_HOME", "-u", "HOME", "setpriv",
        "--reuid=54321", "--clear-groups"))
    equal((done.returncode, done.stderr),
          (3, "detachfix: no home directory is known for the ledger; name it "
           "by --ledger\n"))


@contextlib.contextmanager
def without_permission(share):
    """What starts a program that may write nothing in `top`."""
    for path in (share.top, *share.top.glob("ledger.sqlite*")):
        path.chmod(0o555 if path.is_dir() else 0o444)
    yield () if os.geteuid() != 0 else (
        "setpriv", "--reuid=65534", "--regid=65534", "--clear-groups")
    share.top.chmod(0o755)


@case
def who_may_not_write_reads_the_history(share):
    share.leaking(1)
    share.batch("--apply", status=0)
    listed = share.run("history", "--ledger", share.ledger)
    equal(listed.returncode, 0)
    before = sorted(os.listdir(share.top))
    with without_permission(share) as prefix:
        done = share.run("history", "--ledger", share.ledger, prefix=prefix)
        equal((done.returncode, done.stdout, done.stderr),
              (0, listed.stdout, ""))
        # To go on with a run is to write.
        done = share.run("batch", "--resume", "--ledger", share.ledger,
                         prefix=prefix)
        equal(done.returncode, 3)
    # Nor does it leave anything where it may.
    share.run("history", "--ledger", share.ledger)
    equal(sorted(os.listdir(share.top)), before)


@case
def history_is_read_while_a_run_goes_on(share):
    share.leaking(20)
    process = share.start()
    with without_permission(share) as prefix:
        done = share.run("history", "--ledger", share.ledger, prefix=prefix)
    process.communicate(timeout=60)
    equal(process.returncode, 0)
    equal(done.returncode, 0)
    check("  running  batch --ledger" in done.stdout, done.stdout)


@case
def what_holds_no_runs_is_no_history(share):
    share.ledger.write_bytes(b"")
    done = share.run("history", "--ledger", share.ledger)
    equal((done.returncode, done.stderr),
          (3, f"detachfix: the ledger {share.ledger}: no run was ever noted "
           "in it\n"))
    equal(share.ledger.read_bytes(), b"")


if __name__ == "__main__":
    sys.exit(main(CASES))

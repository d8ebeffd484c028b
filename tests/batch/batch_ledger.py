#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Which ledger `detachfix batch`, `history` and `revert --run` take, who makes
it, and who may read it: batch_ledger.py --detachfix FILE --samples FOLDER CASE.
`batch_ledger.py list` names the cases."""

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


if __name__ == "__main__":
    sys.exit(main(CASES))

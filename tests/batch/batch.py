#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""What `detachfix batch`, `history` and `revert --run` do to a share:
batch.py --detachfix FILE --samples FOLDER CASE. `batch.py list` names the
cases."""

import fcntl
import json
import os
import re
import signal
import subprocess
import sys
import time

sys.dont_write_bytecode = True  # the source tree stays as it is

from share import (FIXED, LEAKING, NOT_APPLICABLE, OTHER_LEAKING, check, equal,
                   main, sha256, strace)

CASES = {}


def case(function):
    CASES[function.__name__] = function
    return function


@case
def a_dry_run_is_the_default_and_writes_nothing(share):
    share.leaking(3)
    share.put("fixed/SECURITY.DLL", share.sample(FIXED))
    before = share.hashes()
    items = share.items(status=1)
    equal(share.hashes(), before)
    equal([item["action"] for item in items.values()],
          ["none"] + 3 * ["would-patch"])
    check(all(item["edits"] for path, item in items.items()
              if path != "fixed/SECURITY.DLL"), "a plan is missing")


@case
def a_dry_run_refuses_what_apply_refuses(share):
    read_only, linked, other = share.leaking(3)
    read_only.chmod(0o444)
    os.link(linked, linked.with_name("other name"))
    dry = share.items(status=2)
    wet = share.items("--apply", "--recheck", status=2)
    equal([item["action"] for item in dry.values()],
          ["refused", "refused", "would-patch"])
    for path, item in wet.items():
        equal(item["error"], dry[path]["error"])
    equal(share.run("verify", other).returncode, 0)


@case
def apply_repairs_what_leaks_and_nothing_else(share):
    paths = share.leaking(4)
    share.put("fixed/security.dll", share.sample(FIXED))
    share.put("other/kernel32.dll", share.sample(LEAKING))  # by name not ours
    expected = share.hashes()
    for path in paths:
        expected[str(path.relative_to(share.root))] = sha256(
            share.new(path.read_bytes()))
    share.batch("--apply", status=0)
    equal(share.hashes(), expected)


@case
def one_bad_file_never_ends_the_run(share):
    paths = share.leaking(2)
    share.put("a/Security.dll", b"no image")
    share.put("image000x/Security.dll", b"")
    done = share.batch("--apply", status=3)
    check("a/Security.dll: not a PE file" in done.stderr, done.stderr)
    check("2 patched" in done.stderr and "2 failed" in done.stderr,
          done.stderr)
    # The summary names each of them.
    summary = done.stderr[done.stderr.index("not done:"):]
    for name in ("a", "image000x"):
        check(f"/{name}/Security.dll: " in summary, summary)
    for path in paths:
        equal(share.run("verify", path).returncode, 0)


@case
def the_whole_run_is_undone_and_proven(share):
    share.leaking(3)
    share.put("squeezed/Security.dll", share.sample(OTHER_LEAKING))
    before = share.hashes()
    share.batch("--apply", status=0)
    check(share.hashes() != before, "nothing was patched")
    (run,) = share.runs()
    done = share.revert(run)
    equal(done.stdout.count("the original is back, SHA-256"), 4)
    equal(share.hashes(), before)
    # Once is enough.
    check("0 files" in share.revert(run).stderr, "reverted twice")


@case
def undo_takes_a_part_of_a_run(share):
    share.leaking(3)
    before = share.hashes()
    share.batch("--apply", status=0)
    patched = share.hashes()
    (run,) = share.runs()
    share.revert(run, "--only", "**/image001/**")
    now = share.hashes()
    for path in before:
        equal(now[path], (before if "image001" in path else patched)[path])
    share.revert(run)
    equal(share.hashes(), before)


@case
def a_folder_above_a_link_is_the_one_that_is_meant(share):
    """Behind a link ".." leads out of the folder that the link leads to."""
    home = share.top / "home"
    meant = share.top / "other/share/Security.dll"
    for path in (home / "share/Security.dll", meant):
        path.parent.mkdir(parents=True)
        path.write_bytes(share.sample(LEAKING))
    (share.top / "other/sub").mkdir()
    (home / "link").symlink_to("../other/sub")
    other = meant.read_bytes()
    share.batch("--apply", root="link/../share", cwd=home, status=0)
    check(meant.read_bytes() != other, "another file was patched")
    patched = meant.read_bytes()
    (home / "share/Security.dll").write_bytes(patched)
    (run,) = share.runs()
    done = share.run("history", "--ledger", share.ledger, run)
    equal(done.stdout, f"{meant.resolve()}: patched\n")
    share.revert(run, cwd="/")
    equal(meant.read_bytes(), other)
    equal((home / "share/Security.dll").read_bytes(), patched)


@case
def undo_refuses_what_was_changed_since(share):
    first, second = share.leaking(2)
    original = second.read_bytes()
    share.batch("--apply", status=0)
    changed = first.read_bytes() + b"more"
    first.write_bytes(changed)
    (run,) = share.runs()
    done = share.revert(run, status=2)
    check("was changed since that run" in done.stdout, done.stdout)
    equal(first.read_bytes(), changed)
    equal(second.read_bytes(), original)


@case
def undo_needs_only_the_ledger(share):
    """The undo record in the file is damaged; that of the ledger is not, but
    the file is not what the run left any more."""
    (path,) = share.leaking(1)
    original = path.read_bytes()
    share.batch("--apply", status=0)
    side = path.with_name("Security.dll.detachfix-undo")
    if side.exists():
        side.unlink()
    (run,) = share.runs()
    share.revert(run)
    equal(path.read_bytes(), original)


@case
def a_second_run_passes_over_what_it_knows(share):
    share.leaking(2)
    share.put("fixed/security.dll", share.sample(FIXED))
    share.batch("--apply", status=0)
    known = share.items("--apply", status=0)
    equal([item["from_ledger"] for item in known.values()], 3 * [True])
    equal([item["verdict"] for item in known.values()], 3 * ["fixed"])
    equal([item["action"] for item in known.values()], 3 * ["none"])
    for words in ("--recheck",), ("--allow-signed",):
        again = share.items(*words, status=0)
        equal([item["from_ledger"] for item in again.values()], 3 * [False])
    share.items(status=0)
    # One of them is another file now.
    share.put("fixed/security.dll", share.sample(LEAKING))
    items = share.items(status=1)
    equal([item["from_ledger"] for item in items.values()],
          [False, True, True])


@case
def symbols_put_beside_a_known_file_are_seen(share):
    """The ledger's "fixed" and "not applicable" were said without them."""
    known = {"fixed": FIXED, "other": NOT_APPLICABLE}
    for folder, name in known.items():
        share.put(f"{folder}/Security.dll", share.sample(name))
    share.items(status=0)
    for verdict, found in share.items(status=0).items():
        equal(found["from_ledger"], True)
    for folder in known:
        share.put(f"{folder}/SECURITY.DBG", b"symbols")
    found = share.items(status=0)
    equal(len(found), 2)
    for item in found.values():
        equal(item["from_ledger"], False)


@case
def an_answer_falls_with_what_stood_beside_the_file(share):
    """Unknown, since the symbols contradict; known as long as they do."""
    file = "a/Security.dll"
    share.put(file, share.sample("nt4-sp3-helper.dll"))
    symbols = share.sample("symbols/nt4-sp3-helper.dbg")
    beside = share.put("a/SECURITY.DBG",
                       symbols.replace(b"_DllMain@12", b"_DllMain@16"))
    item = share.items("--apply", status=2)[file]
    equal((item["verdict"], item["from_ledger"]), ("unknown", False))
    equal(share.items("--apply", status=2)[file]["from_ledger"], True)
    beside.unlink()
    item = share.items("--apply", status=0)[file]
    equal((item["action"], item["from_ledger"]), ("patched", False))
    equal(share.items(status=0)[file]["from_ledger"], True)
    # What is no undo record of the file, and is gone.
    other = share.put("b/Security.dll", share.sample(FIXED))
    side = share.put("b/Security.dll.detachfix-undo", b"something else")
    item = share.items(status=0)["b/Security.dll"]
    check("cannot be reverted" in item["notes"][0], item["notes"])
    side.unlink()
    item = share.items(status=0)["b/Security.dll"]
    equal((item["notes"], item["from_ledger"]), ([], False))
    # Where a link leads is not known by the link.
    (other.parent / "security.dbg").symlink_to(other)
    share.items(status=0)
    equal(share.items(status=0)["b/Security.dll"]["from_ledger"], False)


@case
def the_report_does_not_depend_on_the_number_of_jobs(share):
    share.leaking(6)
    share.put("a/Security.dll", b"no image")
    texts = []
    for jobs in (1, 2, 7):
        report = share.top / f"report{jobs}.json"
        share.batch("-j", jobs, "--recheck", "--report", report, status=3)
        document = json.loads(report.read_text())
        for member in ("run", "started", "finished"):
            check(document.pop(member), member)
        texts.append(json.dumps(document))
    equal(texts[1], texts[0])
    equal(texts[2], texts[0])


@case
def json_on_standard_output_is_the_report(share):
    share.leaking(2)
    report = share.top / "report.json"
    done = share.batch("--json", "--report", report, status=1)
    equal(done.stdout, report.read_text())
    equal(done.stderr, "")
    equal(len(json.loads(done.stdout)["files"]), 2)


@case
def a_killed_run_leaves_nothing_of_its_reports(share):
    """On ext4 and the like, where they have no name before they are whole."""
    share.leaking(30)
    reports = share.top / "reports"
    reports.mkdir()
    process = share.start(*(f"--report={reports}/run.{ending}" for ending in
                            ("html", "csv", "json", "sarif")))
    process.kill()
    process.communicate(timeout=60)
    equal(os.listdir(reports), [])


@case
def a_locked_file_is_reported_and_left_alone(share):
    first, second = share.leaking(2)
    original = first.read_bytes()
    with open(first, "r+b") as holder:
        fcntl.flock(holder, fcntl.LOCK_EX)
        # Waiting for the lock is cut short by the end of the lock's holder
        # only, so this takes the ten seconds that detachfix waits.
        done = share.batch("--apply", status=3)
    check("Security.dll: is in use: another program has locked it"
          in done.stderr, done.stderr)
    equal(first.read_bytes(), original)
    equal(share.run("verify", second).returncode, 0)


@case
def files_come_from_a_list(share):
    paths = share.leaking(3)
    listing = share.top / "list"
    listing.write_text(f"{paths[2]}\n{paths[0]}\n{share.root}/none\n")
    done = share.batch("--files-from", listing, status=3)
    equal([line.split(":")[0] for line in done.stdout.splitlines()],
          [str(paths[2]), str(paths[0])])
    check("none: cannot be opened" in done.stderr, done.stderr)
    done = share.run("batch", "--ledger", share.ledger, "--files-from", "-",
                     stdin=f"{paths[1]}\0")
    equal(done.returncode, 1)
    check(done.stdout.startswith(str(paths[1])), done.stdout)


@case
def shards_are_disjoint_and_make_the_whole(share):
    share.leaking(20)
    seen = []
    for index in (1, 2, 3):
        seen += share.items("--shard", f"{index}/3", "--recheck")
    equal(sorted(seen), sorted(share.items()))


@case
def fewer_threads_than_wanted_do_it_too(share):
    """The kernel starts none, or only the first so many of a thread's."""
    paths = share.leaking(20)
    new = [sha256(share.new(path.read_bytes())) for path in paths]
    before = share.hashes()
    for first in (1, 2, 3, 5):
        refused = strace("-e", "trace=clone,clone3", "-e",
                         f"inject=clone,clone3:error=EAGAIN:when={first}+")
        share.batch("--apply", "-j", 8, prefix=refused, status=0)
        equal([sha256(path.read_bytes()) for path in paths], new)
        done = share.run("verify", "-j", 8, *paths, prefix=refused)
        equal((done.returncode, done.stdout.count("fixed by detachfix")),
              (0, 20))
        share.revert(share.runs()[0])
        equal(share.hashes(), before)


@case
def progress_is_told_when_asked(share):
    share.leaking(12)
    process = subprocess.Popen(
        share.line("batch", "--ledger", share.ledger, "--throttle", 4,
                   share.root), stdout=subprocess.PIPE,
        stderr=subprocess.PIPE, text=True)
    process.stdout.readline()
    process.send_signal(signal.SIGUSR1)
    _, err = process.communicate(timeout=60)
    equal(process.returncode, 1)
    check(re.search(r"detachfix: \d+ files?, .*\d+ names seen\n", err), err)


@case
def throttle_and_max_read_hold(share):
    """A lower bound on the time only: a busy machine is never too slow."""
    paths = share.leaking(5)
    for words in (("--throttle", 5), ("--max-read", sum(
            path.stat().st_size for path in paths) / 1e6)):
        begun = time.monotonic()
        share.batch("--recheck", "-j", 1, *words, status=1)
        taken = time.monotonic() - begun
        check(taken > 0.75, f"{words}: 5 files in {taken} s")


@case
def a_ledger_that_cannot_be_written_stops_apply(share):
    (path,) = share.leaking(1)
    original = path.read_bytes()
    share.ledger.write_text("no database" * 100)
    done = share.batch("--apply", status=3)
    wrong = (f"detachfix: the ledger {share.ledger}: file is not a database "
             "(SQLite 26)")
    equal(done.stderr, wrong + "\n")
    equal(path.read_bytes(), original)
    # To look needs no ledger.
    done = share.batch(status=1)
    equal(done.stderr.splitlines()[0], wrong + "; goes on without it")


@case
def all_dlls_are_judged_by_content(share):
    share.put("a/any.bin", share.sample(LEAKING))
    share.put("a/text.txt", b"text")
    share.put("a/empty", b"")
    items = share.items("--all-dlls", status=1)
    equal(list(items), ["a/any.bin"])
    equal(items["a/any.bin"]["action"], "would-patch")


@case
def all_dlls_runs_no_code_of_other_dlls(share):
    share.put("a/other.dll", share.sample("c-array-O2.dll"))
    share.put("a/target.bin", share.sample(LEAKING))
    items = share.items("--all-dlls", status=1)
    other = items["a/other.dll"]
    equal(other["verdict"], "not-applicable")
    equal(other["target"], None)
    equal(other["action"], "none")
    equal(items["a/target.bin"]["verdict"], "leaks")
    items = share.items("--all-dlls", "--any-dll", status=1)
    equal(items["a/other.dll"]["verdict"], "leaks")
    equal(items["a/other.dll"]["action"], "would-patch")


if __name__ == "__main__":
    sys.exit(main(CASES))

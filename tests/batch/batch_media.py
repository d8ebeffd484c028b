#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""`detachfix batch` on install media and installed images: packed files, and
SETUP.LOG: batch_media.py --detachfix FILE --samples FOLDER CASE. Exit status
77: skipped. `batch_media.py list` names the cases. Files are packed and
expanded by programs of others: mscompress, gcab, cabextract."""

import json
import shutil
import struct
import subprocess
import sys

import pefile

sys.dont_write_bytecode = True  # the source tree stays as it is

from share import (FIXED, OTHER_LEAKING, Skip, check, equal, main, most_calls,
                   nothing_goes_on, sha256, steps, strace)

CASES = {}
LOG = "WINNT/repair/setup.log"
PACKED = {}
INSTALLED = "WINNT/system32/security.dll"


def case(function):
    CASES[function.__name__] = function
    return function


def tool(share, *words):
    """Runs a tool in the folder `pack`, which is made anew."""
    if not shutil.which(words[0]):
        raise Skip(f"{words[0]} is not installed")
    done = subprocess.run(words, cwd=share.top / "pack", capture_output=True,
                          text=True)
    check(done.returncode == 0, f"{words}: {done.stdout}{done.stderr}")


def packed(share, data, form):
    """`data` as Security.dl_ in that form."""
    folder = share.top / "pack"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    (folder / "Security.dll").write_bytes(data)
    if form == "szdd":
        tool(share, "mscompress", "Security.dll")
        return (folder / "Security.dll_").read_bytes()
    tool(share, "gcab", "-c", "-z", "Security.dl_", "Security.dll")
    return (folder / "Security.dl_").read_bytes()


def expanded(share, path, form):
    folder = share.top / "pack"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    if form == "szdd":
        shutil.copy(path, folder / "Security.dll_")
        tool(share, "msexpand", "Security.dll_")
    else:
        shutil.copy(path, folder / "x.cab")
        tool(share, "cabextract", "-q", "x.cab")
    return (folder / "Security.dll").read_bytes()


def setup_log(check_sum):
    return (b"[Paths]\r\nTargetDirectory = \"\\WINNT\"\r\n[Files.WinNt]\r\n"
            b"\\WINNT\\system32\\security.dll = \"security.dll\",\"%x\"\r\n"
            b"\\WINNT\\system32\\ntdll.dll = \"ntdll.dll\",\"59c19\"\r\n"
            % check_sum)


def check_sum_of(data):
    return pefile.PE(data=data, fast_load=True).OPTIONAL_HEADER.CheckSum


def fill(share):
    """A share with media and an installed image."""
    shutil.rmtree(share.root)
    share.root.mkdir()
    for name in list(share.top.glob("ledger.sqlite*")):
        name.unlink()
    data = share.sample(OTHER_LEAKING)
    for form, path in (("szdd", "i386/SECURITY.DL_"),
                       ("mscf", "cab/security.dl_")):
        # Packed once: a cabinet holds the time at which its member was made.
        if form not in PACKED:
            PACKED[form] = packed(share, data, form)
        share.put(path, PACKED[form])
    share.put(INSTALLED, data)
    share.put(LOG, setup_log(check_sum_of(data)))
    return data


@case
def media_are_repaired_the_documented_way(share):
    data = fill(share)
    before = share.hashes()
    items = share.items(status=1)
    equal({path: item["packing"] for path, item in items.items()},
          {"i386/SECURITY.DL_": "szdd", "cab/security.dl_": "mscf",
           INSTALLED: "none"})
    equal(share.hashes(), before)
    share.batch("--apply", status=0)
    after = share.hashes()
    new = sha256(share.new(data))
    equal(after["i386/SECURITY.DLL"], new)
    equal(after["cab/security.dll"], new)
    equal(after["i386/SECURITY.ORG"], before["i386/SECURITY.DL_"])
    equal(after["cab/security.org"], before["cab/security.dl_"])
    equal(len(after), len(before) + 2)
    # What is repaired stays as it is.
    equal(share.items("--apply", "--recheck", status=0)[
        "i386/SECURITY.DLL"]["fixed_by"], "detachfix")
    equal(share.hashes(), after)
    share.revert(share.runs()[1])
    equal(share.hashes(), before)


def packed_as_by_qbasic(data):
    """In the variant of SZDD that QBasic's Setup has; nothing is compressed."""
    groups = [b"\xff" + data[i:i + 8] for i in range(0, len(data), 8)]
    return (b"SZ \x88\xf0\x27\x33\xd1" + struct.pack("<I", len(data))
            + b"".join(groups))


@case
def all_dlls_takes_every_packed_form(share):
    """What is no image is passed over, and no form may be taken for that."""
    data = fill(share)
    share.put("qbasic/Security.dl_", packed_as_by_qbasic(data))
    share.put("text/Security.dl_", b"SZ for text")
    items = share.items("--all-dlls", status=1)
    equal({path: item["packing"] for path, item in items.items()},
          {"i386/SECURITY.DL_": "szdd", "cab/security.dl_": "mscf",
           "qbasic/Security.dl_": "szdd", INSTALLED: "none"})
    share.batch("--all-dlls", "--apply", status=0)
    equal(share.hashes()["qbasic/Security.dll"], sha256(share.new(data)))


@case
def media_are_written_back_in_their_form(share):
    data = fill(share)
    before = share.hashes()
    share.batch("--apply", "--recompress", status=0)
    equal(sorted(share.hashes()), sorted(before))
    new = share.new(data)
    equal(expanded(share, share.root / "i386/SECURITY.DL_", "szdd"), new)
    equal(expanded(share, share.root / "cab/security.dl_", "mscf"), new)
    (run,) = share.runs()
    share.revert(run)
    equal(share.hashes(), before)


def decoy(share):
    """A folder that has under the same relative paths what a run left."""
    other = share.top / "other"
    shutil.rmtree(other, ignore_errors=True)
    shutil.copytree(share.root, other / share.root.name)
    return other, {path: path.read_bytes() for path in other.rglob("*")
                   if path.is_file()}


def undone_from_elsewhere(share, *options):
    """A run on a relative DIR is undone from folders in which its paths mean
    nothing, or another file."""
    fill(share)
    before = share.hashes()
    for elsewhere in (share.top / "empty", None):
        share.batch("--apply", *options, root=share.root.name, cwd=share.top,
                    status=0)
        other, held = decoy(share)
        (share.top / "empty").mkdir(exist_ok=True)
        share.revert(share.runs()[0], cwd=elsewhere or other)
        equal(share.hashes(), before)
        equal({path: path.read_bytes() for path in held}, held)


@case
def media_of_a_relative_folder_are_undone_from_elsewhere(share):
    undone_from_elsewhere(share)


@case
def recompressed_media_are_undone_from_elsewhere(share):
    undone_from_elsewhere(share, "--recompress")


@case
def setup_log_is_set_back_from_elsewhere(share):
    undone_from_elsewhere(share, "--update-setup-log")


@case
def a_line_that_was_changed_since_is_told_once(share):
    fill(share)
    share.batch("--apply", "--update-setup-log", root=share.root.name,
                cwd=share.top, status=0)
    log = share.root / LOG
    log.write_bytes(setup_log(0x77))
    done = share.revert(share.runs()[0], status=3)
    check(f"SETUP.LOG was not set back: {log}: its line was changed since: it "
          "has 0 times " in done.stderr, done.stderr)


@case
def a_killed_run_on_a_relative_folder_is_completed_from_elsewhere(share):
    """What it placed is its own whatever the folder is called."""
    fill(share)
    for name in ("cab", "WINNT"):
        shutil.rmtree(share.root / name)
    before = share.hashes()
    share.batch("--apply", "-j", 1, root=share.root.name, cwd=share.top,
                prefix=strace("-e", "trace=renameat2", "-e",
                              "inject=renameat2:signal=KILL:when=2"))
    placed = share.root / "i386/SECURITY.DLL"
    check(placed.exists(), "it was killed too early")
    share.batch("--apply", root=".", cwd=share.root, status=0)
    share.revert(share.runs()[0], cwd="/")
    equal(share.hashes(), before)


def pairs(share, packed_name, name, count=8):
    """A leaking image in so many folders each, packed and not packed."""
    data = fill(share)
    shutil.rmtree(share.root)
    for i in range(count):
        share.put(f"{i}/{packed_name}", PACKED["szdd"])
        share.put(f"{i}/{name}", data)
    return share.new(data)


@case
def the_file_itself_goes_before_the_packed_one(share):
    """The packed file is renamed once the other is repaired: in one run,
    whatever sorts first and however many are worked on at a time."""
    for names in (("security.dl_", "security.dll"),
                  ("SECURITY.DL_", "security.dll"),
                  ("SECURITY.DL_", "SECURITY.DLL")):
        new = sha256(pairs(share, *names))
        reports = []
        for jobs in (1, 4):
            pairs(share, *names)
            items = share.items("--apply", "-j", jobs, status=0)
            equal([item["action"] for item in items.values()],
                  16 * ["patched"])
            after = share.hashes()
            for i in range(8):
                equal(after[f"{i}/{names[1]}"], new)
                check(f"{i}/{names[0]}" not in after, "was not renamed")
            reports.append([{**item, "run": None} for item in items.values()])
        equal(reports[1], reports[0])


@case
def a_list_may_name_the_packed_one_first(share):
    pairs(share, "security.dl_", "security.dll", 1)
    listing = share.top / "list"
    listing.write_text(f"{share.root}/0/security.dl_\n"
                       f"{share.root}/0/security.dll\n")
    items = share.items("--apply", "--files-from", listing, status=0)
    equal(list(items), ["0/security.dll", "0/security.dl_"])


@case
def setup_log_is_reported_and_updated_when_asked(share):
    data = fill(share)
    old = (share.root / LOG).read_bytes()
    item = share.items()[INSTALLED]
    equal(item["setup_log"]["agrees"], True)
    equal(item["setup_log"]["check_sum"], check_sum_of(data))
    share.batch("--apply", status=0)
    equal((share.root / LOG).read_bytes(), old)
    item = share.items()[INSTALLED]
    equal(item["setup_log"]["agrees"], False)
    # A later run may still do it.
    share.batch("--apply", "--update-setup-log", status=0)
    equal((share.root / LOG).read_bytes(),
          setup_log(check_sum_of((share.root / INSTALLED).read_bytes())))
    share.revert(share.runs()[0])
    equal((share.root / LOG).read_bytes(), old)


@case
def a_log_that_is_not_updated_counts(share):
    data = fill(share)
    old = (share.root / LOG).read_bytes()
    (share.root / LOG).chmod(0o444)
    report = share.top / "report.json"
    sarif, page = share.top / "report.sarif", share.top / "report.html"
    done = share.batch("--apply", "--update-setup-log", "--report", report,
                       "--report", sarif, "--report", page, status=2)
    equal(sha256((share.root / INSTALLED).read_bytes()),
          sha256(share.new(data)))
    equal((share.root / LOG).read_bytes(), old)
    check(f"not done:\n  {share.root / LOG}: not updated: is read-only "
          in done.stderr, done.stderr)
    merged = share.top / "merged.json"
    equal(share.run("report", "merge", merged, report).returncode, 2)
    results = json.loads(sarif.read_text())["runs"][0]["results"]
    (failed,) = [one for one in results if one["kind"] == "fail"]
    equal(failed["ruleId"], "DETACH005")
    (row,) = [line for line in page.read_text().splitlines()
              if INSTALLED in line and 'data-action="patched"' in line]
    for text in (failed["message"]["text"], row):
        check(f"{LOG}: not updated: is read-only" in text, text)
    # Who does not ask for it gets the other answer on the same file.
    equal(share.items(status=0)[INSTALLED]["exit_status"], 0)
    share.batch("--apply", "--update-setup-log", "--replace-read-only",
                status=0)
    # Nobody asked for that of a file which the vendor fixed.
    share.put(INSTALLED, share.sample(FIXED))
    share.batch("--apply", "--update-setup-log", status=0)
    share.put(INSTALLED, data)
    share.put(LOG, b"\r\n")
    done = share.batch("--apply", "--update-setup-log", status=2)
    check("has no line" in done.stdout, done.stdout)


@case
def setup_log_is_found_from_inside_system32(share):
    """Where "." or ".." stands for the folder's name."""
    fill(share)
    system32 = (share.root / INSTALLED).parent
    (system32 / "drivers").mkdir()
    before = share.hashes()
    for root, cwd in ((".", system32), ("./", system32),
                      ("security.dll", system32), ("..", system32 / "drivers"),
                      (system32.name, system32.parent)):
        share.batch("--apply", "--update-setup-log", root=root, cwd=cwd,
                    status=0)
        equal((share.root / LOG).read_bytes(),
              setup_log(check_sum_of((share.root / INSTALLED).read_bytes())))
        check(share.hashes() != before, "nothing was patched")
        share.revert(share.runs()[0], cwd="/")
        equal(share.hashes(), before)


@case
def setup_log_is_read_again_when_it_changed(share):
    """The ledger knows the file, and what the log said of it then."""
    data = share.sample(FIXED)
    share.put(INSTALLED, data)
    share.put(LOG, setup_log(0).replace(b',"0"', b""))
    item = share.items(status=0)[INSTALLED]
    check("has no checksum" in item["setup_log"]["problem"], item["setup_log"])
    equal(share.items(status=0)[INSTALLED]["from_ledger"], True)
    share.put(LOG, setup_log(check_sum_of(data)))
    log = share.items(status=0)[INSTALLED]["setup_log"]
    equal((log["problem"], log["agrees"]), (None, True))
    (share.root / LOG).unlink()
    equal(share.items(status=0)[INSTALLED]["setup_log"], None)


@case
def a_file_whose_line_was_updated_is_known(share):
    fill(share)
    share.batch("--apply", "--update-setup-log", status=0)
    equal(share.items(status=0)[INSTALLED]["from_ledger"], True)


@case
def undo_sets_setup_log_back(share):
    fill(share)
    before = share.hashes()
    share.batch("--apply", "--update-setup-log", status=0)
    check(share.hashes()[LOG] != before[LOG], "the log was not updated")
    (run,) = share.runs()
    share.revert(run)
    equal(share.hashes(), before)


@case
def a_file_that_is_reverted_alone_tells_of_setup_log(share):
    """Its own way back leads no further than the file."""
    fill(share)
    before = share.hashes()
    share.batch("--apply", "--update-setup-log", status=0)
    (run,) = share.runs()
    file = share.root / INSTALLED
    done = share.run("revert", file)
    equal((done.returncode, done.stderr),
          (0, f"detachfix: {file}: {share.root / LOG} has another checksum for "
           "it; 'detachfix revert --run RUN' sets back what that run wrote "
           "there\n"))
    share.revert(run)
    equal(share.hashes(), before)
    # Where the log agrees there is nothing to tell, nor where there is none.
    equal(share.run("patch", file).returncode, 0)
    equal(share.run("revert", file).stderr, "")
    (share.root / LOG).unlink()
    equal(share.run("patch", file).returncode, 0)
    equal(share.run("revert", file).stderr, "")


@case
def a_signed_cabinet_keeps_its_signature_aside(share):
    """Signed by osslsigncode; its signature is over the old bytes, so nothing is
    written into it."""
    data = fill(share)
    shutil.rmtree(share.root)
    folder = share.top / "pack"
    packed(share, data, "mscf")
    tool(share, "openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes",
         "-keyout", "key.pem", "-out", "own.pem", "-days", "2", "-subj",
         "/CN=detachfix test", "-addext", "extendedKeyUsage=codeSigning")
    tool(share, "osslsigncode", "sign", "-certs", "own.pem", "-key", "key.pem",
         "-in", "Security.dl_", "-out", "signed.dl_")
    share.put("i386/Security.dl_", (folder / "signed.dl_").read_bytes())
    before = share.hashes()
    done = share.batch("--apply", "--recompress", status=2)
    check("as a signed one has, which would be lost; without --recompress the "
          "image is placed beside it" in done.stdout, done.stdout)
    equal(share.hashes(), before)
    item = share.items("--apply", status=0)["i386/Security.dl_"]
    check("Security.org keeps them, " in item["notes"][0], item["notes"])
    equal(share.hashes(), {"i386/Security.dll": sha256(share.new(data)),
                           "i386/Security.org": before["i386/Security.dl_"]})
    tool(share, "osslsigncode", "verify", "-CAfile", "own.pem",
         share.root / "i386/Security.org")
    share.revert(share.runs()[0])
    equal(share.hashes(), before)


@case
def bad_media_are_refused_and_the_rest_is_done(share):
    data = fill(share)
    good = packed(share, data, "szdd")
    share.put("bad/cut/security.dl_", good[:1000])
    share.put("bad/lying/security.dl_",
              good[:10] + bytes([good[10] ^ 1]) + good[11:])
    done = share.batch("--apply", status=2)
    for name in ("cut", "lying"):
        check(f"bad/{name}/security.dl_: " in done.stderr + done.stdout,
              done.stdout + done.stderr)
    check("3 patched" in done.stderr, done.stderr)


KINDS = "rename,renameat2,unlink,fsync,close,pwrite64,openat,write"


def batch_there(share, *words, **options):
    """`batch` in the folder above the root, which it gets by its bare name."""
    return share.batch(*words, root=share.root.name, cwd=share.top, **options)


def calls_of(share, *words):
    log = share.top / "calls"
    batch_there(share, *words, status=0,
                prefix=strace("-e", f"trace={KINDS}", output=log))
    return most_calls(log)


def killed_at_each_call(share, *options, places):
    """Runs with `options`, each killed at another system call, at about so many
    `places` of each kind; what goes on afterwards ends as if nothing had been."""
    words = ("--apply", "-j", 1, *options)
    fill(share)
    before = share.hashes()
    kinds = calls_of(share, *words)
    after = share.hashes()
    ends = set()
    for kind, count in kinds:
        for number in steps(count, places):
            fill(share)
            batch_there(share, *words, prefix=strace(
                "-e", f"trace={kind}", "-e",
                f"inject={kind}:signal=KILL:when={number}"))
            now = share.hashes()
            ends.add(now == after)
            for path, found in now.items():
                check(found in (before.get(path), after.get(path))
                      or path in share.litter(), f"{path}: half a file")
            # Setup finds a usable file at every moment.
            for folder in ("i386/SECURITY.DL", "cab/security.dl"):
                check({folder + "_", folder + folder[-1]} & set(now),
                      f"{kind} {number}: no file for Setup in {folder}")
            # From another folder, as is what takes it back.
            done = share.batch("--resume", cwd="/")
            if nothing_goes_on(done):
                done = batch_there(share, *words)
            check(done.returncode == 0,
                  f"{kind} {number}: {done.stdout}{done.stderr}")
            equal(share.hashes(), after)
            share.revert(share.runs()[-1], cwd="/")
            equal(share.hashes(), before)
    equal(ends, {False, True})


@case
def killed_at_each_system_call(share):
    killed_at_each_call(share, "--update-setup-log", places=12)


@case
def killed_at_each_system_call_with_recompress(share):
    killed_at_each_call(share, "--recompress", places=12)


if __name__ == "__main__":
    sys.exit(main(CASES))

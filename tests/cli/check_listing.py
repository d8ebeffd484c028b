#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The code at the hook, before and after, against the files themselves.

check_listing.py --detachfix FILE --samples FOLDER

Of every sample that is patched: the listed bytes are those at that address of
the original and of the patched file, where pefile maps it; each listing is in
the order of addresses without overlap; every jump that is written over code is
listed; where the entry moves, the listing begins at the old entry.
"""
import argparse
import json
import shutil
import subprocess
import tempfile
from pathlib import Path

import pefile


def listed(image, content, lines, context):
    """Holds `lines` against a file; gives back the addresses of their bytes."""
    seen = set()
    end = 0
    for line in lines:
        raw = bytes.fromhex(line["bytes"])
        offset = image.get_offset_from_rva(line["rva"])
        assert content[offset:offset + len(raw)] == raw, (context, line)
        assert line["rva"] >= end, (context, line)
        assert line["text"], (context, line)
        end = line["rva"] + len(raw)
        seen.update(range(line["rva"], end))
    return seen


def jumps(report):
    """Addresses of the code that the plan writes over."""
    for edit in report["edits"]:
        if edit["why"].startswith("exit of the detach path"):
            size = len(edit["before"]) // 2
            yield from range(edit["rva"], edit["rva"] + size)


def check(report, original, patched):
    name = report["path"]
    before, after = (report["listing"][key] for key in ("before", "after"))
    image = pefile.PE(data=original)
    assert before, (name, "no listing of what stood there")
    seen = listed(image, original, before, name)
    changed = listed(pefile.PE(data=patched), patched, after, name)
    entry = image.OPTIONAL_HEADER.AddressOfEntryPoint
    if report["hook"] == "exit of the detach path":
        written = set(jumps(report))
        assert written and written <= seen, (name, written - seen)
        assert written <= changed, (name, written - changed)
        assert changed >= seen, (name, "the listings differ in extent")
    else:
        assert before[0]["rva"] == entry, name
        assert after == [], name
    return report["machine"], report["hook"]


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--detachfix", required=True)
    parser.add_argument("--samples", required=True, type=Path)
    arguments = parser.parse_args()
    seen = {}
    with tempfile.TemporaryDirectory(prefix="listing-") as name:
        folder = Path(name)
        for sample in sorted(arguments.samples.glob("*.dll")):
            shutil.copyfile(sample, folder / sample.name)
        paths = sorted(folder.iterdir())
        done = subprocess.run(
            [arguments.detachfix, "patch", "--any-dll", "--jsonl", *paths],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False)
        for line in done.stdout.splitlines():
            report = json.loads(line)
            if report["action"] != "patched":
                assert report["listing"] == {"before": [], "after": []}
                continue
            path = Path(report["path"])
            key = check(report, (arguments.samples / path.name).read_bytes(),
                        path.read_bytes())
            seen[key] = seen.get(key, 0) + 1
    for machine in ("i386", "alpha"):
        for hook in ("exit of the detach path", "entry", "entry wrapper"):
            assert seen.get((machine, hook)), (machine, hook, seen)
    print(f"{sum(seen.values())} listings agree with their files: {seen}")


if __name__ == "__main__":
    main()

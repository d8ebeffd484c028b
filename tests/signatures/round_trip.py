#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Learns a row from every sample that can be judged, and finds each again.

round_trip.py --detachfix FILE --samples FOLDER

The sample itself must match as exact, rebased as rebased, with other content as
pattern, and patched as its original. The rules for YARA must find the same.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path

sys.dont_write_bytecode = True
import variants  # noqa: E402

DELTA = 0x01230000
STAMP = 0x3a000000
# Masked code can be equal where what is masked is not: a DLL that deletes the
# wrong section. Such a row is refused, and only that.
TWIN = "which has another state"


class RoundTrip:
    def __init__(self, detachfix, folder):
        self.detachfix = detachfix
        self.folder = folder
        self.tables = folder / "tables"
        self.tables.mkdir()
        self.problems = []

    def run(self, *words):
        return subprocess.run([self.detachfix, *words], text=True,
                              capture_output=True, check=False,
                              env={"HOME": str(self.folder)})

    def expect(self, good, *what):
        if not good:
            self.problems.append(" ".join(map(str, what)))

    def verify(self, paths):
        done = self.run("verify", "--jsonl", "--signatures", self.tables,
                        *paths)
        objects = [json.loads(line) for line in done.stdout.splitlines()]
        assert len(objects) == len(paths), done.stderr
        return {Path(file["path"]).name: file for file in objects}

    def learn(self, samples):
        """Learns every sample; gives the names of those that have a row."""
        rows = {}
        for sample in samples:
            name = sample.name.removesuffix(".dll").lower()
            done = self.run("signatures", "learn", "--any-dll", "--level",
                            "SP3", "--id", name, sample)
            if done.returncode == 0:
                rows[sample.name] = done.stdout
            else:
                rows[sample.name] = None
                self.expect(False, sample.name, "was not learned:",
                            done.stderr)
        return rows

    def write_tables(self, rows, machines):
        for machine in ("i386", "alpha"):
            text = f'format = 1\nmachine = "{machine}"\n'
            text += "".join(row for name, row in sorted(rows.items())
                            if row and machines[name] == machine)
            (self.tables / f"{machine}.toml").write_text(text)

    def drop_twins(self, rows, machines):
        """Takes out the rows that `check` says are another's twin."""
        dropped = set()
        for _ in range(len(rows)):
            self.write_tables(rows, machines)
            done = self.run("signatures", "check", self.tables)
            if done.returncode == 0:
                return dropped, done.stdout
            for line in done.stderr.splitlines():
                self.expect(TWIN in line, line)
                row = line.split("row '")[1].split("'")[0]
                for name in rows:
                    if name.removesuffix(".dll").lower() == row:
                        rows[name] = None
                        dropped.add(name)
        raise SystemExit("the tables never become sound")

    def check_match(self, files, rows, match, of_original=False):
        """Every file with a row is found as `match`, with its row among the
        candidates."""
        for name, file in files.items():
            if not rows[name]:
                continue
            signature = file["signature"]
            ids = [c["id"] for c in signature["candidates"]]
            own = name.removesuffix(".dll").lower()
            self.expect(signature["match"] == match and own in ids and
                        signature["of_original"] == of_original,
                        name, "as", match, "is", signature["match"], ids)
            if match != "pattern":
                self.expect(ids == [own], name, "is ambiguous:", ids)
            self.expect(file["verdict"] != "unknown", name, file["because"])

    def yara(self, folder):
        """{file name: set of rules' (id, match)}"""
        rules = self.folder / "rules.yar"
        rules.write_text(self.run("signatures", "export", "--yara",
                                  "--signatures", self.tables).stdout)
        done = subprocess.run(["yara", "-w", "-m", rules, folder], text=True,
                              stdout=subprocess.PIPE, check=True)
        found = {}
        for line in done.stdout.splitlines():
            _, rest = line.split(" [", 1)
            meta, path = rest.rsplit("] ", 1)
            fields = dict(part.split("=", 1)
                          for part in meta.split('",') if "=" in part)
            found.setdefault(Path(path).name, set()).add(
                (fields["id"].strip('"'), fields["match"].strip('"')))
        return found

    def check_yara(self, folder, files):
        found = self.yara(folder)
        for name, file in files.items():
            signature = file["signature"]
            ids = {c["id"] for c in signature["candidates"]}
            rules = found.get(name, set())
            patterns = {row for row, match in rules if match == "pattern"}
            exact = {row for row, match in rules if match == "exact"}
            match = signature["match"]
            self.expect(exact == (ids if match == "exact" else set()), name,
                        "YARA finds", exact, "detachfix", ids)
            if match == "pattern":
                self.expect(patterns == ids, name, "YARA finds", patterns,
                            "detachfix", ids)
            elif match in ("exact", "rebased"):
                self.expect(ids <= patterns, name, "YARA finds", patterns)
            else:
                self.expect(not patterns, name, "YARA finds", patterns)

    def copy(self, samples, kind, change):
        folder = self.folder / kind
        folder.mkdir()
        for sample in samples:
            (folder / sample.name).write_bytes(change(sample.read_bytes()))
        return folder, sorted(folder.iterdir())


def judged(trip, paths):
    """{path: machine} of the files that can be judged."""
    files = trip.verify(paths)
    return {path: files[path.name]["machine"] for path in paths
            if files[path.name]["verdict"] in ("leaks", "fixed")}


def distinct(paths):
    """One of each content: compilers often do at -O3 what they did at -O2. The
    sample that was rebased by its maker is another sample's variant."""
    first = {}
    for path in sorted(paths):
        if not path.stem.endswith("-rebased"):
            first.setdefault(path.read_bytes(), path)
    return sorted(first.values())


def check_variants(trip, samples, rows):
    folder, paths = trip.copy(samples, "same", lambda content: content)
    files = trip.verify(paths)
    trip.check_match(files, rows, "exact")
    trip.check_yara(folder, files)
    # Without base relocations code does not work at another base.
    movable = [sample for sample in samples if variants.directory(
        sample.read_bytes(), variants.BASE_RELOCATION)[1]]
    for kind, match, among, change in (
            ("rebased", "rebased", movable,
             lambda content: variants.rebase(content, DELTA, STAMP)),
            ("hotfixed", "pattern", samples, variants.other_content)):
        folder, paths = trip.copy(among, kind, change)
        files = trip.verify(paths)
        trip.check_match(files, rows, match)
        trip.check_yara(folder, files)
    folder, paths = trip.copy(samples, "patched", lambda content: content)
    done = trip.run("patch", "--any-dll", "-q", *paths)
    trip.expect(done.returncode in (0, 2), "patch:", done.stderr)
    files = {name: file for name, file in trip.verify(paths).items()
             if file["fixed_by"] == "detachfix"}
    trip.expect(len(files) > 50, len(files), "files are patched")
    trip.check_match(files, rows, "exact", of_original=True)


def check_refusals(trip, samples):
    """What is patched or changed is no row."""
    for kind, change, message in (
            ("patched", None, "was patched by detachfix"),
            ("damaged", lambda c: c[:0x1c] + b"\x77" + c[0x1d:],
             "was changed since it was linked")):
        path = trip.folder / kind / samples[0].name
        if change:
            path.parent.mkdir()
            path.write_bytes(change(samples[0].read_bytes()))
        done = trip.run("signatures", "learn", "--any-dll", "--level", "SP3",
                        path)
        trip.expect(done.returncode == 2 and message in done.stderr,
                    kind, done.stderr)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--detachfix", required=True)
    parser.add_argument("--samples", required=True, type=Path)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="signatures-") as name:
        trip = RoundTrip(arguments.detachfix, Path(name))
        found = judged(trip, sorted(arguments.samples.glob("*.dll")))
        samples = distinct(found)
        assert len(samples) > 300, len(samples)
        machines = {path.name: machine for path, machine in found.items()}
        rows = trip.learn(samples)
        twins, report = trip.drop_twins(rows, machines)
        trip.expect(len(twins) < len(samples) / 10, "twins:", sorted(twins))
        leaking = [path for path in samples
                   if path.name.startswith("nt4-sp5-")]
        check_variants(trip, samples, rows)
        check_refusals(trip, leaking)
    for problem in trip.problems:
        print(problem)
    print(report, end="")
    print(f"{len(samples)} samples, {len(twins)} twins, "
          f"{len(trip.problems)} problems")
    return 1 if trip.problems else 0


if __name__ == "__main__":
    sys.exit(main())

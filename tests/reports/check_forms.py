#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Reads the reports of one run as other programs do.

check_forms.py --make-report FILE --samples FOLDER --schema FILE

The document and the log are held against docs/report.schema.json, the table is
read back by Python's csv, and all three must say the same of every file: names
with line ends, quotes, formulas and bytes that are not UTF-8 among them.
"""
import argparse
import csv
import json
import subprocess
import tempfile
from pathlib import Path

import jsonschema

COUNTED = ("leaks", "would_patch", "patched", "reverted", "fixed",
           "not_applicable", "unknown", "refused", "failed")


def make(program, out, *words):
    subprocess.run([program, out, *words], check=True)
    return out.read_bytes()


def check_document(validator, data, count):
    document = json.loads(data)
    validator.validate(document)
    assert len(document["files"]) == count
    counts = document["counts"]
    assert counts["files"] == count
    assert sum(counts[name] for name in COUNTED) == count
    worst = max(file["exit_status"] for file in document["files"])
    assert document["exit_status"] == worst
    for key in ("run", "host", "started", "finished"):
        assert document[key], key
    return document


def check_log(validator, data, document):
    lines = [json.loads(line) for line in data.splitlines()]
    for line in lines:
        validator.validate(line)
    begin, *files, end = lines
    assert begin["record"] == "begin" and end["record"] == "end"
    assert {line["run"] for line in lines} == {document["run"]}
    assert end["counts"] == document["counts"]
    assert end["exit_status"] == document["exit_status"]
    for line, file in zip(files, document["files"], strict=True):
        assert line["record"] == "file"
        assert {key: line[key] for key in file} == file


def true_path(row):
    if row["path_hex"]:
        return bytes.fromhex(row["path_hex"])
    return row["path"].encode()


def check_table(data, document):
    assert data.endswith(b"\r\n") and not data.startswith(b"\xef\xbb\xbf")
    # RFC 4180, section 2: a line end inside a field is quoted; no other LF.
    text = data.decode("utf-8")
    assert all(char.isprintable() for char in text if char not in "\r\n")
    rows = list(csv.DictReader(text.splitlines(keepends=True), strict=True))
    assert text.count("\r\n") == len(rows) + 1
    formulas = 0
    for row, file in zip(rows, document["files"], strict=True):
        path = (bytes.fromhex(file["path_hex"]) if file["path_hex"]
                else file["path"].encode())
        assert true_path(row) == path, row
        assert "\n" not in row["path"] + row["because"], row
        for key in ("verdict", "action", "packing"):
            assert row[key] == file[key], row
        for key in ("sha256", "sha256_before", "size", "error", "target"):
            shown = "" if file[key] is None else str(file[key])
            assert row[key] == shown, row
        assert row["exit_status"] == str(file["exit_status"])
        assert row["run"] == document["run"]
        assert row["host"] == document["host"]
        assert row["started"] == document["started"]
        assert row["version"] == document["program"]["version"]
        for value in row.values():
            assert not value.startswith(("=", "+", "-", "@", "\t", "\r")), row
        formulas += row["path"].startswith("'")
    assert formulas == 3


def check_round_trip(program, folder, made):
    """What is read back and written again is the same, in every form."""
    for source in ("json", "jsonl"):
        for ending, data in made.items():
            copied = make(program, folder / f"copy.{ending}", "--copy",
                          folder / f"out.{source}")
            assert copied == data, (source, ending)
            (folder / f"copy.{ending}").unlink()


def check_teeth(validator, document):
    def broken(change):
        copied = json.loads(json.dumps(document))
        change(copied)
        return not validator.is_valid(copied)

    assert broken(lambda d: d.update(surprise=1))
    assert broken(lambda d: d.pop("host"))
    assert broken(lambda d: d["files"][0].pop("packing"))
    assert broken(lambda d: d["files"][0].update(surprise=1))
    assert broken(lambda d: d["counts"].pop("leaks"))
    assert broken(lambda d: d.update(started="yesterday"))
    assert broken(lambda d: d.update(shard="0"))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--make-report", required=True)
    parser.add_argument("--samples", required=True, type=Path)
    parser.add_argument("--schema", required=True, type=Path)
    arguments = parser.parse_args()
    schema = json.loads(arguments.schema.read_text(encoding="utf-8"))
    validator = jsonschema.Draft202012Validator(schema)
    paths = sorted(arguments.samples.glob("*security*.dll"))
    assert paths
    with tempfile.TemporaryDirectory(prefix="forms-") as name:
        folder = Path(name)
        words = ["--hostile", "--made-up", "40", "--shard", "2/3", *paths,
                 folder / "none"]
        made = {ending: make(arguments.make_report, folder / f"out.{ending}",
                             *words) for ending in ("json", "jsonl", "csv",
                                                 "sarif", "html")}
        count = len(paths) + 1 + 17 + 40
        document = check_document(validator, made["json"], count)
        assert document["shard"] == "2/3"
        check_log(validator, made["jsonl"], document)
        check_table(made["csv"], document)
        check_teeth(validator, document)
        check_round_trip(arguments.make_report, folder, made)
        cut = json.loads(make(arguments.make_report, folder / "cut.json",
                              "--interrupted", "--made-up", "1"))
        validator.validate(cut)
        assert cut["interrupted"] and cut["exit_status"] == 130
        empty = json.loads(make(arguments.make_report, folder / "empty.json"))
        validator.validate(empty)
        assert empty["files"] == []
        assert sorted(path.name for path in folder.iterdir()) == [
            "cut.json", "empty.json", "out.csv", "out.html", "out.json",
            "out.jsonl", "out.sarif"]
    print(f"{count} files, the same in all forms")


if __name__ == "__main__":
    main()

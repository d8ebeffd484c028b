#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Holds real JSON output against docs/report.schema.json.

check_schema.py --detachfix FILE --samples FOLDER --schema FILE

Every sample is verified, planned, patched, patched again and reverted, beside
files that are refused or cannot be read; the document and each line must obey
the schema, and the schema must have teeth.
"""
import argparse
import copy
import json
import shutil
import subprocess
import tempfile
from pathlib import Path

import jsonschema

SEEN_ACTIONS = {"none", "would-patch", "patched", "reverted", "refused",
                "failed"}
SEEN_VERDICTS = {"leaks", "fixed", "not-applicable", "unknown"}


def files_in(folder, samples):
    """Copies of the samples, and files that cannot be read or patched."""
    paths = []
    for sample in sorted(samples.glob("*.dll")):
        paths.append(folder / sample.name)
        shutil.copyfile(sample, paths[-1])
    text = folder / "not a PE.dll"
    text.write_text("not a PE file, whatever it is called\n")
    # A name that is not UTF-8, as a share with old names has.
    latin = bytes(folder) + b"/s\xe9curit\xe9.dll"
    shutil.copyfile(paths[0], latin)
    return [bytes(path) for path in [*paths, text, folder, folder / "none"]
            ] + [latin]


def run(detachfix, *words):
    done = subprocess.run([detachfix, *words], stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, check=False)
    return done.returncode, done.stdout


def check_run(detachfix, validator, words, paths):
    """Runs one command for both formats; gives back its files' objects."""
    status, output = run(detachfix, *words, "--json", *paths)
    document = json.loads(output)
    validator.validate(document)
    assert document["exit_status"] == status, (words, status)
    assert len(document["files"]) == len(paths), words
    worst = max(file["exit_status"] for file in document["files"])
    assert worst == status, (words, worst, status)
    return document["files"]


def check_lines(detachfix, validator, paths, expected):
    """--jsonl says of each file what --json says."""
    _, output = run(detachfix, "verify", "--jsonl", *paths)
    lines = [json.loads(line) for line in output.splitlines()]
    for line, file in zip(lines, expected, strict=True):
        validator.validate(line)
        assert line.pop("schema") == "detachfix/1"
        assert line == file, line["path"]


def check_teeth(validator, document):
    """What the schema must not accept."""
    def broken(change):
        copied = copy.deepcopy(document)
        change(copied)
        return not validator.is_valid(copied)

    assert validator.is_valid(document)
    assert broken(lambda d: d.update(schema="detachfix/2"))
    assert broken(lambda d: d["files"][0].update(verdict="fine"))
    assert broken(lambda d: d["files"][0].update(surprise=1))
    assert broken(lambda d: d["files"][0].pop("edits"))
    assert broken(lambda d: d["files"][0].update(sha256="abc"))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--detachfix", required=True)
    parser.add_argument("--samples", required=True, type=Path)
    parser.add_argument("--schema", required=True, type=Path)
    arguments = parser.parse_args()

    schema = json.loads(arguments.schema.read_text(encoding="utf-8"))
    jsonschema.Draft202012Validator.check_schema(schema)
    validator = jsonschema.Draft202012Validator(schema)
    detachfix = arguments.detachfix

    with tempfile.TemporaryDirectory(prefix="schema-") as name:
        paths = files_in(Path(name), arguments.samples)
        seen = check_run(detachfix, validator, ["verify"], paths)
        check_lines(detachfix, validator, paths, seen)
        for words in (["patch", "--dry-run"], ["patch", "--any-dll"],
                      ["patch", "--any-dll"], ["revert"], ["revert"]):
            seen += check_run(detachfix, validator, words, paths)
        _, output = run(detachfix, "verify", "--json", paths[0])
        check_teeth(validator, json.loads(output))

    actions = {file["action"] for file in seen}
    verdicts = {file["verdict"] for file in seen}
    assert actions == SEEN_ACTIONS, actions
    assert verdicts == SEEN_VERDICTS, verdicts
    assert any(file["path_hex"] for file in seen)
    print(f"{len(seen)} outcomes obey the schema")


if __name__ == "__main__":
    main()

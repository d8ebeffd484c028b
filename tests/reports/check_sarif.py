#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Holds a SARIF report against the standard's schema and Microsoft's validator.

check_sarif.py --make-report FILE --samples FOLDER --tools FOLDER

Both come with the npm package @microsoft/sarif-multitool-linux, of which
package-lock.json beside this file pins version and hash; npm installs it into
--tools. The fixes of the log, made by hand here, must give the file that
`detachfix patch` makes.
"""
import argparse
import base64
import json
import os
import shutil
import subprocess
import tempfile
from pathlib import Path
from urllib.parse import unquote_to_bytes, urlsplit

import jsonschema

HERE = Path(__file__).resolve().parent
PACKAGE = Path("node_modules/@microsoft/sarif-multitool-linux")
LEVELS = {"DETACH001": "error", "DETACH002": "warning",
          "DETACH003": "warning", "DETACH004": "error",
          "DETACH005": "error"}


def install(tools):
    """Leaves alone what is there in the version that is pinned."""
    wanted = (HERE / "package-lock.json").read_bytes()
    mark = tools / "package-lock.json"
    if mark.exists() and mark.read_bytes() == wanted and (tools / PACKAGE
                                                          ).exists():
        return tools / PACKAGE
    tools.mkdir(parents=True, exist_ok=True)
    for name in ("package.json", "package-lock.json"):
        shutil.copyfile(HERE / name, tools / name)
    # Its only script makes the program executable.
    subprocess.run(["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund",
                    "--prefix", tools], check=True)
    (tools / PACKAGE / "Sarif.Multitool").chmod(0o755)
    return tools / PACKAGE


def check_validator(package, log):
    # The program is .NET, which asks for ICU unless told not to.
    environment = dict(os.environ, DOTNET_SYSTEM_GLOBALIZATION_INVARIANT="1")
    done = subprocess.run(
        [package / "Sarif.Multitool", "validate", log], env=environment,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        check=False)
    assert done.returncode == 0, done.stdout
    assert "Analysis completed successfully" in done.stdout, done.stdout
    errors = [line for line in done.stdout.splitlines() if ": error " in line]
    return errors


def path_of(location):
    parts = urlsplit(location["uri"])
    assert parts.scheme in ("", "file") and not parts.query, location
    assert not parts.fragment, location
    return unquote_to_bytes(parts.path)


def apply_fix(data, fix):
    (change,) = fix["artifactChanges"]
    for replacement in reversed(change["replacements"]):
        region = replacement["deletedRegion"]
        begin = region["byteOffset"]
        end = begin + region["byteLength"]
        inserted = base64.b64decode(replacement["insertedContent"]["binary"])
        data = data[:begin] + inserted + data[end:]
    return data


def check_fixes(detachfix, run, folder):
    count = 0
    for result in run["results"]:
        if "fixes" not in result:
            continue
        location = result["locations"][0]["physicalLocation"]
        path = Path(os.fsdecode(path_of(location["artifactLocation"])))
        patched = folder / "patched.dll"
        subprocess.run([detachfix, "patch", "-q", "-o", patched, path],
                       check=True, stderr=subprocess.DEVNULL)
        assert apply_fix(path.read_bytes(),
                         result["fixes"][0]) == patched.read_bytes(), path
        patched.unlink()
        for side in folder.glob("patched.dll*"):
            side.unlink()
        count += 1
    return count


def check_against(document, log):
    """The log says what the JSON of the same run says."""
    run = log["runs"][0]
    for artifact, file in zip(run["artifacts"], document["files"],
                              strict=True):
        path = (bytes.fromhex(file["path_hex"]) if file["path_hex"]
                else file["path"].encode())
        assert path_of(artifact["location"]) == path, artifact
        if file["packing"] == "none":
            assert artifact.get("hashes", {}).get("sha-256") == file["sha256"]
            assert artifact.get("length") == file["size"]
    spoken_of = set()
    for result in run["results"]:
        index = result["locations"][0]["physicalLocation"]["artifactLocation"
                                                           ]["index"]
        file = document["files"][index]
        spoken_of.add(index)
        if result["kind"] == "fail":
            assert result["level"] == LEVELS[result["ruleId"]], result
            assert file["exit_status"] > 0, result
        else:
            assert result["level"] == "none"
            assert file["action"] in ("patched", "reverted")
        rule = run["tool"]["driver"]["rules"][result["ruleIndex"]]
        assert rule["id"] == result["ruleId"]
    for index, file in enumerate(document["files"]):
        quiet = file["exit_status"] == 0 and file["action"] == "none"
        assert (index not in spoken_of) == quiet, file["path"]
    (invocation,) = run["invocations"]
    assert invocation["exitCode"] == document["exit_status"]
    assert invocation["machine"] == document["host"]
    assert invocation["startTimeUtc"] == document["started"]
    assert invocation["endTimeUtc"] == document["finished"]
    return run


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--make-report", required=True)
    parser.add_argument("--detachfix", required=True)
    parser.add_argument("--samples", required=True, type=Path)
    parser.add_argument("--tools", required=True, type=Path)
    arguments = parser.parse_args()
    package = install(arguments.tools)
    schema = json.loads((package / "sarif-2.1.0.json").read_text("utf-8"))
    validator = jsonschema.Draft202012Validator(schema)
    paths = [path.resolve()
             for path in sorted(arguments.samples.glob("*security*.dll"))]
    with tempfile.TemporaryDirectory(prefix="sarif-") as name:
        folder = Path(name)
        for ending in ("json", "sarif"):
            subprocess.run([arguments.make_report, folder / f"out.{ending}",
                            "--hostile", "--made-up", "8", *paths,
                            folder / "none"], check=True)
        document = json.loads((folder / "out.json").read_bytes())
        log = json.loads((folder / "out.sarif").read_bytes())
        validator.validate(log)
        run = check_against(document, log)
        errors = check_validator(package, folder / "out.sarif")
        assert errors == [], errors
        fixes = check_fixes(arguments.detachfix, run, folder)
        assert fixes > 0
        # Both judges can say no.
        log["runs"][0]["results"][0]["surprise"] = 1
        assert not validator.is_valid(log)
        broken = folder / "broken.sarif"
        broken.write_text(json.dumps(log))
        assert check_validator(package, broken)
    print(f"{len(run['artifacts'])} artifacts, {len(run['results'])} results, "
          f"{fixes} fixes")


if __name__ == "__main__":
    main()

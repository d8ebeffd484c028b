#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Takes the scripts out of docs/fleet.md and runs each over a share of samples:
the merged report must be what one run over the whole share says.

check_fleet.py --detachfix FILE --samples FOLDER --document FILE
"""
import argparse
import json
import os
import re
import shutil
import stat
import subprocess
import tempfile
from pathlib import Path

HOSTS = ["alpha", "beta", "gamma"]
TASKS = 4
STATE = "/var/lib/detachfix"  # as the document has it

# In place of ssh: the line runs here, with a state folder for each host. A host
# called "gone" cannot be reached, for which ssh has the status 255 (ssh(1)).
SSH = f"""#!/bin/sh
[ "$1" = -n ] || exit 64
[ "$2" != gone ] || exit 255
exec sh -c "$(printf %s "$3" | sed "s|{STATE}|$STATES/$2|g")"
"""


# In place of Slurm's: each task of the array in the script, or of the one that
# was asked for, runs here, one after the other.
SBATCH = f"""#!/bin/bash
set -euo pipefail
[ "$1" != --wait ] || shift
script=$2 tasks=${{1#--array=}}
if [ "$tasks" = "$1" ]; then
  script=$1 tasks=$(sed -n 's/^#SBATCH --array=//p' "$1")
  shift
else
  shift 2
fi
sed "s|{STATE}|$STATES/node|" "$script" >"$script.here"
for task in $(seq "${{tasks%-*}}" "${{tasks#*-}}"); do
  SLURM_ARRAY_TASK_ID=$task SLURM_CPUS_PER_TASK=2 bash "$script.here" "$@"
done
"""


def commands_of(document):
    """The command lines that stand by themselves, indented, by section."""
    text = Path(document).read_text(encoding="utf-8")
    text = re.sub(r"^```.*?^```$", "", text, flags=re.M | re.S)
    found = {}
    for section in re.split(r"^## ", text, flags=re.M)[1:]:
        lines = re.findall(r"^    (.*)$", section, re.M)
        commands = re.sub(r"\\\n *", "", "\n".join(lines)).splitlines()
        if commands:
            found[section.splitlines()[0]] = commands
    return found


def scripts_of(document):
    """{name: text} of the blocks that the document names."""
    text = Path(document).read_text(encoding="utf-8")
    blocks = re.findall(r"^<!-- file: (\S+) -->\n```\w+\n(.*?)^```$", text,
                        re.M | re.S)
    assert [name for name, _ in blocks] == [
        "fleet-parallel", "fleet.sbatch", "hosts.ini", "fleet.yml"], blocks
    return dict(blocks)


class Place:
    """A share, the scripts, and the programs that they call."""

    def __init__(self, folder, arguments):
        self.folder = folder
        self.share = folder / "share with a space"
        self.states = folder / "states"
        self.fill_share(Path(arguments.samples))
        self.pristine = folder / "pristine"
        shutil.copytree(self.share, self.pristine)
        for name, text in scripts_of(arguments.document).items():
            self.write(folder / name, text)
        programs = folder / "programs"
        programs.mkdir()
        (programs / "detachfix").symlink_to(Path(arguments.detachfix).resolve())
        self.write(programs / "ssh", SSH)
        self.write(programs / "sbatch", SBATCH)
        self.environment = {
            **os.environ, "PATH": f"{programs}:{os.environ['PATH']}",
            "HOME": str(folder), "XDG_STATE_HOME": str(folder / "state"),
            "STATES": str(self.states), "LC_ALL": "C.UTF-8",
            "ANSIBLE_LOCALHOST_WARNING": "0"}
        for name in [*HOSTS, "node"]:
            (self.states / name).mkdir(parents=True)

    def fill_share(self, samples):
        """Each NT 4.0 sample as the Security.dll of an image."""
        for sample in sorted(samples.glob("nt4-*.dll")):
            image = self.share / sample.stem
            image.mkdir(parents=True)
            shutil.copy(sample, image / "Security.dll")

    @staticmethod
    def write(path, text):
        path.write_text(text, encoding="utf-8")
        path.chmod(path.stat().st_mode | stat.S_IXUSR)

    def run(self, *words, expect=(0,), **more):
        done = subprocess.run(
            [str(word) for word in words], cwd=self.folder, text=True,
            env={**self.environment, **more}, stdin=subprocess.DEVNULL,
            capture_output=True, timeout=300, check=False)
        assert done.returncode in expect, \
            (words, done.returncode, done.stdout, done.stderr)
        return done

    def whole(self, name, *options, expect):
        """What one run over the whole share says."""
        report = self.folder / name
        self.run("detachfix", "batch", "--quiet", "--recheck", "--report",
                 report, *options, self.share, expect=expect)
        return outcome(report)

    def merged(self, reports, shards):
        """What the reports of all shards say together."""
        parts = [reports / f"shard-{shard}.json"
                 for shard in range(1, shards + 1)]
        sizes = [len(outcome(part)) for part in parts]
        assert sum(size > 0 for size in sizes) > 1, ("not split", sizes)
        both = reports / "both.json"
        self.run("detachfix", "report", "merge", both, *parts,
                 expect=(0, 1, 2))
        files = outcome(both)
        assert len(files) == sum(sizes), (len(files), sizes)
        return files


def outcome(report):
    """{path: what became of it} in a report."""
    document = json.loads(report.read_text(encoding="utf-8"))
    return {file["path"]: (file["verdict"], file["action"], file["sha256"])
            for file in document["files"]}


def count(files, action):
    return sum(file[1] == action for file in files.values())


def check_shell(place):
    for name in ("fleet-parallel", "fleet.sbatch"):
        place.run("bash", "-n", name)
        place.run("shellcheck", name)


def check_parallel(place, expected):
    hosts = place.folder / "hosts.txt"
    hosts.write_text("".join(f"{name}\n" for name in HOSTS), encoding="utf-8")
    reports = place.folder / "parallel reports"
    done = place.run("./fleet-parallel", hosts, place.share, reports,
                     expect=(1,))
    assert place.merged(reports, len(HOSTS)) == expected
    assert (reports / "all.html").exists() and "missing" not in done.stderr
    for name in HOSTS:
        assert (place.states / name / "ledger.sqlite").exists(), name
    # Reports of two runs never stand in one folder.
    place.run("./fleet-parallel", hosts, place.share, reports,
              expect=(64,))


def check_lost_host(place):
    hosts = place.folder / "lost.txt"
    hosts.write_text("alpha\ngone\ngamma\n", encoding="utf-8")
    done = place.run("./fleet-parallel", hosts, place.share,
                     place.folder / "lost", expect=(3,))
    assert "shard 2/3 is missing" in done.stderr, done.stderr
    assert "no report from gone" in done.stderr, done.stderr


def check_playbook(place, expected):
    text = (place.folder / "hosts.ini").read_text(encoding="utf-8")
    place.run("ansible-playbook", "-i", "hosts.ini", "--syntax-check",
              "fleet.yml")
    for number, name in enumerate(HOSTS, 1):
        text = text.replace(
            f"image-host-{number}.example",
            f"{name} ansible_connection=local state={place.states / name} "
            "ansible_python_interpreter=/usr/bin/python3")
    assert ".example" not in text, text
    (place.folder / "here.ini").write_text(text, encoding="utf-8")
    reports = place.folder / "ansible"
    variables = {"share": str(place.share), "reports": str(reports)}
    done = place.run("ansible-playbook", "-i", "here.ini", "fleet.yml",
                     "-e", json.dumps(variables))
    assert place.merged(reports, len(HOSTS)) == expected
    assert f"{len(expected)} files: " in done.stdout, done.stdout
    assert (reports / "all.html").exists()


def run_tasks(place, reports, *options):
    """Every task of the array. The document's state folder is the node's."""
    script = place.folder / "fleet.sbatch"
    text = script.read_text(encoding="utf-8")
    assert f"#SBATCH --array=1-{TASKS}\n" in text
    here = place.folder / "here.sbatch"
    place.write(here, text.replace(STATE, str(place.states / "node")))
    reports.mkdir()
    for task in range(1, TASKS + 1):
        place.run("bash", here, TASKS, place.share, reports, *options,
                  SLURM_ARRAY_TASK_ID=str(task), SLURM_CPUS_PER_TASK="2")


def check_slurm(place, expected):
    dry = place.folder / "slurm-dry"
    run_tasks(place, dry)
    assert place.merged(dry, TASKS) == expected
    reports = place.folder / "slurm"
    run_tasks(place, reports, "--apply")
    patched = place.merged(reports, TASKS)
    assert count(patched, "patched") == count(expected, "would-patch")
    after = place.whole("after.json", expect=(0,))
    assert after.keys() == expected.keys()
    assert all(file[0] == "fixed" for file in after.values()), after
    # A task that did not go through its files fails.
    place.run("bash", place.folder / "here.sbatch", TASKS, place.share,
              reports, SLURM_ARRAY_TASK_ID="5", SLURM_CPUS_PER_TASK="2",
              expect=(64,))


def check_commands(place, expected, document):
    """The lines as they stand, but for the folders and the names of hosts."""
    sections = commands_of(document)
    assert list(sections) == ["GNU parallel, over ssh", "Slurm", "Ansible"], \
        sections
    (place.folder / "hosts.txt").write_text(
        "".join(f"{name}\n" for name in HOSTS), encoding="utf-8")
    shutil.copy(place.folder / "here.ini", place.folder / "hosts.ini")
    applied = count(expected, "would-patch")
    for name, commands in sections.items():
        # A share of its own for each: what is patched stays so.
        area = place.folder / name.split()[0]
        shutil.copytree(place.pristine, area / "images")
        (area / "reports").mkdir()
        for command in commands:
            # PWD is where the last section has its reports.
            line = command.replace("/srv", "$SRV").replace("$PWD", "$SRV")
            place.run("bash", "-n", "-c", line)
            place.run("bash", "-c", line, expect=(0, 1), SRV=str(area))
        reports = [path for path in area.rglob("shard-*.json")
                   if "dry-run" in str(path)]
        assert len(reports) == (TASKS if name == "Slurm" else len(HOSTS)), name
        done = sum(count(outcome(path), "patched")
                   for path in area.rglob("shard-*.json"))
        assert done == (0 if name == "Slurm" else applied), (name, done)


def main():
    parser = argparse.ArgumentParser()
    for name in ("detachfix", "samples", "document"):
        parser.add_argument(f"--{name}", required=True)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="fleet-") as folder:
        place = Place(Path(folder), arguments)
        check_shell(place)
        expected = place.whole("whole.json", expect=(1,))
        print(f"{len(expected)} files, "
              f"{count(expected, 'would-patch')} would be patched")
        check_parallel(place, expected)
        check_lost_host(place)
        check_playbook(place, expected)
        check_slurm(place, expected)
        check_commands(place, expected, arguments.document)


if __name__ == "__main__":
    main()

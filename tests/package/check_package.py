#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Packs what is built, looks at the package with Debian's own tools, and
installs, runs and removes it in a minimal Debian 12 that has nothing but what
the package depends on.

check_package.py --build FOLDER --version VERSION --samples FOLDER

Exit status: 0 all held, 77 skipped: no Debian root can be had here.
"""
import argparse
import gzip
import hashlib
import io
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

TOP = Path(__file__).resolve().parent.parent.parent
sys.dont_write_bytecode = True
sys.path.insert(0, str(TOP / "tests" / "wine"))
import debian_root  # noqa: E402

SAMPLE = "nt4-sp5-switch.dll"
MANUAL = "usr/share/man/man1/detachfix.1.gz"
CHANGELOG = "usr/share/doc/detachfix/changelog.gz"
# Where Debian's man, bash, zsh and fish look, and what Policy 12.5 asks for.
FILES = ["usr/bin/detachfix", MANUAL, CHANGELOG,
         "usr/share/doc/detachfix/copyright",
         "usr/share/bash-completion/completions/detachfix",
         "usr/share/zsh/vendor-completions/_detachfix",
         "usr/share/fish/vendor_completions.d/detachfix.fish",
         "usr/share/doc/detachfix/README.md",
         "usr/share/doc/detachfix/docs/batch.md"]
# What the program is linked with, by the names of Debian 12's packages.
LIBRARIES = {"libc6", "libstdc++6", "libgcc-s1", "liblief0", "libzydis4.0",
             "libssl3", "libsqlite3-0", "libmspack0", "libgcab-1.0-0",
             "libglib2.0-0"}
# dpkg keeps its own books here.
BOOKS = ("var/lib/dpkg", "var/log", "var/cache", "var/lib/apt")


def run(*words, expect=0, **options):
    done = subprocess.run([str(word) for word in words], check=False,
                          stdin=subprocess.DEVNULL, capture_output=True,
                          timeout=300, **options)
    assert done.returncode == expect, \
        (words, done.returncode, done.stdout, done.stderr)
    return done.stdout


def pack(build, folder):
    """The umask is one that a careless packer would take over."""
    run("cpack", "-G", "DEB", "--config", build / "CPackConfig.cmake",
        "-B", folder, cwd=folder, umask=0o077)
    packages = list(folder.glob("*.deb"))
    assert len(packages) == 1, packages
    return packages[0]


def field(package, name):
    return run("dpkg-deb", "--field", package, name).decode().strip()


def dependencies(package):
    """Their names, without versions."""
    return {part.split()[0] for part in field(package, "Depends").split(", ")}


def check_control(package, version):
    machine = run("dpkg", "--print-architecture").decode().strip()
    for name, value in [("Package", "detachfix"), ("Version", version),
                        ("Architecture", machine), ("Section", "utils"),
                        ("Suggests", "graphviz")]:
        assert field(package, name) == value, (name, field(package, name))
    assert package.name == f"detachfix_{version}_{machine}.deb", package
    assert dependencies(package) == LIBRARIES, dependencies(package)
    assert "Q238493" in field(package, "Description")


def members(package):
    """{path: (entry, content)} of what the package installs."""
    data = run("dpkg-deb", "--fsys-tarfile", package)
    with tarfile.open(fileobj=io.BytesIO(data)) as archive:
        return {entry.name.removeprefix("./").rstrip("/"):
                (entry, archive.extractfile(entry).read()
                 if entry.isfile() else b"")
                for entry in archive}


def check_files(package, version):
    inside = members(package)
    for path in FILES:
        assert path in inside, (path, sorted(inside))
    for path, (entry, _) in inside.items():
        mode = 0o755 if entry.isdir() or path.startswith("usr/bin/") else 0o644
        assert entry.isdir() or entry.isfile(), path
        assert entry.mode & 0o7777 == mode, (path, oct(entry.mode))
        assert (entry.uid, entry.gid) == (0, 0), path
    # Debian Policy 12.5: the licences that Debian has are not packed again.
    assert not [path for path in inside if "LICENSE" in path]
    manual = TOP / "docs" / "detachfix.1"
    assert gzip.decompress(inside[MANUAL][1]) == manual.read_bytes()
    changelog = gzip.decompress(inside[CHANGELOG][1]).decode()
    assert changelog.startswith(f"detachfix ({version}) "), changelog


def make_root(package, say):
    """A minimal Debian with the package's dependencies, kept between runs."""
    debian_root.check_tools()
    cache = debian_root.cache_folder()
    cache.mkdir(parents=True, exist_ok=True)
    needed = ",".join(sorted(dependencies(package)))
    key = hashlib.sha256(needed.encode()).hexdigest()[:8]
    root = cache / f"package-{debian_root.SUITE}-{key}"
    with debian_root.locked(f"{root}.lock"):
        if not root.exists():
            say(f"making a minimal Debian root in {root} (once)")
            partial = Path(f"{root}.partial")
            debian_root.remove_unfinished(partial)
            with open(f"{root}.log", "w", encoding="utf-8") as log:
                debian_root.bootstrap(partial, debian_root.debian_mirror(),
                                      log, f"--include={needed}")
            partial.rename(root)
    return root


def files_in(root):
    """Every path in the root but dpkg's books."""
    found = set()
    for folder, folders, files in os.walk(root):
        here = os.path.relpath(folder, root)
        folders[:] = [name for name in folders
                      if os.path.normpath(f"{here}/{name}") not in BOOKS]
        found |= {os.path.normpath(f"{here}/{name}")
                  for name in [*folders, *files]}
    return found


def check_in_root(root, package, sample, version):
    def inside(*words, expect=0):
        return run("chroot", root, *words, expect=expect,
                   env=debian_root.environment()).decode()

    shutil.copy(package, root / "root/detachfix.deb")
    shutil.copy(sample, root / "root/Security.dll")
    before = files_in(root)
    # Unlike apt, dpkg fetches nothing: what is missing makes it fail.
    inside("dpkg", "--install", "/root/detachfix.deb")
    added = files_in(root) - before
    packed = set(members(package))
    assert set(FILES) <= added <= packed, added ^ packed

    dll = "/root/Security.dll"
    assert inside("detachfix", "--version").startswith(f"detachfix {version}\n")
    assert "leaks" in inside("detachfix", "verify", dll, expect=1)
    inside("detachfix", "patch", dll)
    assert (root / "root/Security.dll").read_bytes() != sample.read_bytes()
    assert "fixed by detachfix" in inside("detachfix", "verify", dll)
    inside("detachfix", "revert", dll)
    assert (root / "root/Security.dll").read_bytes() == sample.read_bytes()

    inside("dpkg", "--purge", "detachfix")
    left = files_in(root) ^ before
    assert not left, left


def main():
    parser = argparse.ArgumentParser()
    for name in ("build", "version", "samples"):
        parser.add_argument(f"--{name}", required=True)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="package-") as folder:
        package = pack(Path(arguments.build).resolve(), Path(folder))
        check_control(package, arguments.version)
        check_files(package, arguments.version)
        try:
            kept = make_root(package, print)
        except debian_root.Unavailable as reason:
            print(f"skipped: {reason}")
            sys.exit(77)
        root = Path(folder) / "root"
        run("cp", "--archive", "--reflink=auto", kept, root)
        check_in_root(root, package, Path(arguments.samples) / SAMPLE,
                      arguments.version)


if __name__ == "__main__":
    main()

# SPDX-License-Identifier: Apache-2.0
"""A small Debian 12 root for i386 with Wine in it, kept between runs.

A root of its own, because i386 packages beside those of another architecture
do not install cleanly. Where packages come from is read from the
configuration of this machine's apt. The root is made in a folder with another
name and renamed when it is whole, so that an unfinished one is never used; a
lock keeps two runs from making it at once.

It needs no mounts, neither to be made nor to be used, so that a container
whose root user may not mount will do. Wine cannot find its libraries without
/proc: session.py names the folder to it.
"""

import contextlib
import fcntl
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

# The tests are made for Debian 12; another release has another Wine.
RELEASE = "bookworm"
SUITE = os.environ.get("DETACHFIX_WINE_SUITE", RELEASE)
PACKAGE = "wine32"
# To be raised when the steps below change.
RECIPE = 1

WINE = "/usr/lib/wine/wine"
WINESERVER = "/usr/lib/wine/wineserver32"
WINE_LIBRARIES = "/usr/lib/i386-linux-gnu/wine"
PREFIX = "/prefix"  # the prefix that sessions copy
SESSIONS = "sessions"

# What a root for one program can do without.
LEAN = """force-unsafe-io
path-exclude=/usr/share/doc/*
path-exclude=/usr/share/iso-codes/*
path-exclude=/usr/share/locale/*
path-exclude=/usr/share/man/*
path-exclude=/usr/share/xml/*
path-exclude=/usr/lib/i386-linux-gnu/wine/x86_64-windows/*
"""

TARGET_FIELDS = "$(REPO_URI)|$(RELEASE)|$(CODENAME)|$(COMPONENT)|$(ORIGIN)"


class Unavailable(Exception):
    """The root cannot be had here; the text says why."""


@contextlib.contextmanager
def locked(path, wait=True):
    """Holds the lock of a file, which is made for it. BlockingIOError when
    another process holds it and `wait` is false."""
    with open(path, "w", encoding="ascii") as file:
        fcntl.flock(file, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        yield


def cache_folder():
    home = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(os.environ.get("DETACHFIX_CACHE") or Path(home) / "detachfix")


def environment(**more):
    """The environment of programs inside the root."""
    return {"HOME": "/root", "PATH": "/usr/sbin:/usr/bin:/sbin:/bin",
            "LC_ALL": "C.UTF-8", **more}


def wine_environment(prefix, overrides):
    """`overrides`: what WINEDLLOVERRIDES says besides the usual. No debugger
    comes up after a crash; Wine's .NET and HTML parts are not asked for."""
    usual = "mscoree,mshtml,winedbg.exe,winemenubuilder.exe="
    return environment(
        WINEPREFIX=prefix, WINEARCH="win32", WINEDEBUG="-all",
        WINEDLLPATH=WINE_LIBRARIES, WINESERVER=WINESERVER,
        XDG_RUNTIME_DIR="/tmp",  # without it one of Wine 10's DLLs complains
        WINEDLLOVERRIDES=";".join([usual, *overrides]))


def run_step(what, command, log, **options):
    """Runs one step of the making; its output goes to `log`."""
    log.write(f"== {what}\n")
    log.flush()
    # Whoever ends this process ends the step too.
    done = subprocess.run(["setpriv", "--pdeathsig", "KILL", *command],
                          stdin=subprocess.DEVNULL, stdout=log,
                          stderr=subprocess.STDOUT, check=False, **options)
    if done.returncode != 0:
        lines = Path(log.name).read_text(encoding="utf-8", errors="replace")
        last = [line for line in lines.splitlines() if line.strip()][-3:]
        raise Unavailable(f"{what}: exit status {done.returncode}: "
                          + " / ".join(last))


def first_of_mirror_file(uri):
    """The first mirror of a mirror+file: list, else the URI itself."""
    if not uri.startswith("mirror+file:"):
        return uri
    path = uri.removeprefix("mirror+file:").rstrip("/")
    lines = Path(path).read_text(encoding="ascii").split("\n")
    return next(line.split()[0] for line in lines if line.split())


def listed_mirror(options):
    """Where apt gets Debian 12's main from, as far as it knows; else None."""
    listed = subprocess.run(
        ["apt-get", *options, "indextargets", "--format", TARGET_FIELDS,
         "Created-By: Packages"], capture_output=True, text=True, check=False)
    for line in listed.stdout.splitlines():
        uri, release, codename, component, origin = line.split("|")
        if (RELEASE in (release, codename) and component == "main"
                and origin == "Debian"):
            return first_of_mirror_file(uri)
    return None


def debian_mirror():
    """Where this machine's apt gets Debian 12's main from. Updates and security
    fixes are left out: what never changes can always be had as a whole."""
    mirror = listed_mirror([])
    if mirror:
        return mirror
    # Nothing is known before an `apt-get update`: images of containers come
    # without lists. One aside does not change the machine.
    with tempfile.TemporaryDirectory(prefix="apt-lists-") as lists:
        aside = ["-o", f"Dir::State::lists={lists}",
                 "-o", "APT::Sandbox::User=root"]
        subprocess.run(["apt-get", *aside, "update"], capture_output=True,
                       check=False)
        mirror = listed_mirror(aside)
    if not mirror:
        raise Unavailable(f"apt has no source for Debian's {RELEASE} main")
    return mirror


def apt_setting(name):
    shown = subprocess.run(["apt-config", "shell", "VALUE", name],
                           capture_output=True, text=True, check=False)
    return shown.stdout.strip().removeprefix("VALUE=").strip("'")


def write_wgetrc(path):
    """Tells wget, by which debootstrap downloads, what apt's configuration
    says about proxies and certificates."""
    lines = []
    for scheme in ("http", "https"):
        proxy = apt_setting(f"Acquire::{scheme}::Proxy")
        if proxy and proxy != "DIRECT":
            lines.append(f"{scheme}_proxy = {proxy}")
    authority = apt_setting("Acquire::https::CaInfo")
    if authority:
        lines.append(f"ca_certificate = {authority}")
    path.write_text("".join(line + "\n" for line in lines), encoding="utf-8")


def own_namespace():
    """The words in front of a command whose processes and mounts shall end
    with it, where the kernel lets us."""
    words = ["unshare", "--mount", "--pid", "--fork", "--kill-child",
             "--mount-proc", "--"]
    allowed = subprocess.run([*words, "true"], stderr=subprocess.DEVNULL,
                             check=False).returncode == 0
    return words if allowed else []


def bootstrap(root, mirror, log, *options):
    wgetrc = root.with_suffix(".wgetrc")
    write_wgetrc(wgetrc)
    run_step("making the Debian root",
             [*own_namespace(), "debootstrap", *options,
              "--variant=minbase", SUITE, root, mirror], log,
             env={**os.environ, "WGETRC": str(wgetrc)})
    wgetrc.unlink()


def install_wine(root, mirror, log):
    """This machine's apt downloads, since it knows how to reach the mirror;
    the root's own apt installs."""
    (root / "etc/apt/sources.list").write_text(f"deb {mirror} {SUITE} main\n",
                                               encoding="ascii")
    (root / "etc/dpkg/dpkg.cfg.d/lean").write_text(LEAN, encoding="ascii")
    outside = ["apt-get", "-q", "-o", f"Dir={root}",
               "-o", f"Dir::State::status={root}/var/lib/dpkg/status",
               "-o", "APT::Architecture=i386",
               "-o", "APT::Architectures::=i386",
               "-o", "APT::Sandbox::User=root",
               # Lists of files, where this machine's apt asks for them.
               "-o", "Acquire::IndexTargets::deb::Contents-deb::DefaultEnabled"
               "=false"]
    install = ["install", "-y", "--no-install-recommends", PACKAGE]
    run_step("reading the lists of packages", [*outside, "update"], log)
    run_step(f"downloading {PACKAGE}",
             [*outside, "--download-only", *install], log)
    run_step(f"installing {PACKAGE}",
             [*own_namespace(), "chroot", root, "apt-get", "-q",
              "-o", "Dpkg::Use-Pty=0", "--no-download", *install], log,
             env=environment(DEBIAN_FRONTEND="noninteractive"))
    for folder in ("var/lib/apt/lists", "var/cache/apt"):
        shutil.rmtree(root / folder)


def make_prefix(root, log):
    """Sessions start from this prefix. Wine fills its system folder with
    copies of its own DLLs; links to the originals save half the space."""
    wine = wine_environment(PREFIX, [])
    run_step("making the Wine prefix",
             ["chroot", root, WINE, "wineboot", "--init"], log, env=wine)
    run_step("ending Wine", ["chroot", root, WINESERVER, "-k", "-w"], log,
             env=wine)
    originals = root / WINE_LIBRARIES.lstrip("/") / "i386-windows"
    for copy in (root / PREFIX.lstrip("/")).glob("drive_c/windows/system32/*"):
        original = originals / copy.name
        if original.is_file() and copy.read_bytes() == original.read_bytes():
            copy.unlink()
            copy.hardlink_to(original)
    (root / SESSIONS).mkdir()


def check_tools():
    if os.geteuid() != 0:
        raise Unavailable("making and entering a Debian root needs root")
    for tool in ("debootstrap", "apt-get", "apt-config", "chroot", "unshare"):
        if not shutil.which(tool):
            raise Unavailable(f"{tool} is not installed")


def remove_unfinished(partial):
    if not partial.exists():
        return
    mounts = Path("/proc/self/mounts").read_text(encoding="utf-8")
    for line in mounts.splitlines():
        if line.split()[1].startswith(f"{partial}/"):
            raise Unavailable(f"{line.split()[1]} is still mounted")
    shutil.rmtree(partial)


def ready_root(say):
    """The path of the root, made first where it is not there yet. `say` is
    told about what takes long."""
    check_tools()
    cache = cache_folder()
    cache.mkdir(parents=True, exist_ok=True)
    root = cache / f"wine-i386-{SUITE}-{RECIPE}"
    with locked(f"{root}.lock"):
        if root.exists():
            return root
        say(f"making a Debian root for i386 with Wine in {root} (about one "
            "minute, once)")
        partial = Path(f"{root}.partial")
        remove_unfinished(partial)
        mirror = debian_mirror()
        with open(f"{root}.log", "w", encoding="utf-8") as log:
            bootstrap(partial, mirror, log, "--arch=i386")
            install_wine(partial, mirror, log)
            make_prefix(partial, log)
        partial.rename(root)
    return root

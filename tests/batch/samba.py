# SPDX-License-Identifier: Apache-2.0
"""A Samba server of its own and its clients, on the loopback interface of a
network namespace (network_namespaces(7)): smbcacls knows only port 445, which is
nobody else's there."""

import contextlib
import os
import pathlib
import signal
import subprocess
import tempfile
import types

from mounts import tool, wait_for
from share import Skip, check

SERVER = "/usr/sbin/smbd"
CLIENT = pathlib.Path(__file__).with_name("oplock_client.py")
PASSWORD = "only for this test"
CONFIGURATION = """
[global]
  server role = standalone server
  workgroup = DETACHFIX
  netbios name = DETACHFIX
  interfaces = 127.0.0.1/8
  bind interfaces only = yes
  smb ports = 445
  disable netbios = yes
  passdb backend = tdbsam:{own}/passdb.tdb
  private dir = {own}
  state directory = {own}
  cache directory = {own}
  lock directory = {own}
  pid directory = {own}
  ncalrpc dir = {own}/ncalrpc
  log file = {own}/log
  load printers = no
  disable spoolss = yes
  kernel oplocks = yes
[share]
  path = {path}
  read only = no
  vfs objects = acl_xattr streams_xattr
  store dos attributes = yes
  map archive = no
  map hidden = no
  map system = no
  map readonly = no
"""


class Samba:
    """Serves the folder `path` as //127.0.0.1/share to root."""

    def __init__(self, path, own):
        self.path = path
        self.own = own
        self.configuration = own / "smb.conf"
        self.server = None

    def __enter__(self):
        if os.geteuid() != 0:
            raise Skip("smbd must be root to act for its clients")
        self.own.mkdir()
        (self.own / "ncalrpc").mkdir()
        self.configuration.write_text(CONFIGURATION.format(
            own=self.own, path=self.path))
        (self.own / "login").write_text(
            f"username = root\npassword = {PASSWORD}\n")
        subprocess.run(["smbpasswd", "-c", self.configuration, "-s", "-a",
                        "root"], input=f"{PASSWORD}\n{PASSWORD}\n", text=True,
                       check=True, capture_output=True, timeout=60)
        # A session of its own: its children are stopped with it.
        self.server = subprocess.Popen(
            ["unshare", "--net", "sh", "-c",
             'ip link set lo up && exec "$@"', "sh", SERVER, "--foreground",
             "--no-process-group", "-s", self.configuration],
            start_new_session=True, stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            wait_for(self.answers, "smbd")
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.server.pid, signal.SIGKILL)
        self.server.wait()

    def answers(self):
        check(self.server.poll() is None, "smbd has ended")
        return subprocess.run(self.words("smbclient", "-c", "ls"),
                              capture_output=True).returncode == 0

    def inside(self):
        return ["nsenter", f"--net=/proc/{self.server.pid}/ns/net"]

    def words(self, program, *more):
        return [*self.inside(), program,
                "//127.0.0.1/share", *more, "-s", str(self.configuration),
                "-A", str(self.own / "login")]

    def client(self, *commands):
        return tool(*self.words("smbclient", "-c", "; ".join(commands)))

    def get(self, name):
        """The bytes that a client is given."""
        with tempfile.TemporaryDirectory() as folder:
            self.client(f"get {name} {folder}/got")
            with open(f"{folder}/got", "rb") as file:
                return file.read()

    def all_info(self, name):
        """What `allinfo` says, without the times that the server's own file
        system sets."""
        lines = [line.split(": ", 1)
                 for line in self.client(f"allinfo {name}").splitlines()
                 if ": " in line]
        return {key: value for key, value in lines
                if key not in ("access_time", "change_time")}

    def allow_reading(self, name):
        """A list of one's own in place of what the mode would give."""
        tool(*self.words("smbcacls", name, "-S",
                         "REVISION:1,OWNER:S-1-22-1-0,GROUP:S-1-22-2-0,"
                         "ACL:S-1-22-1-0:ALLOWED/0x0/FULL,"
                         "ACL:S-1-1-0:ALLOWED/0x0/READ,"
                         "ACL:S-1-5-32-546:DENIED/0x0/CHANGE"))

    def access_list(self, name):
        return tool(*self.words("smbcacls", name, "--numeric"))

    @contextlib.contextmanager
    def open_for_writing(self, name, path):
        """A client has the file open through the server."""
        client = subprocess.Popen(
            self.words("smbclient"), stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, text=True)
        try:
            client.stdin.write(f"open {name}\n")
            client.stdin.flush()
            wait_for(lambda: self.has_open(path), f"{name} to be open")
            yield
        finally:
            client.communicate("quit\n", timeout=60)
        wait_for(lambda: not self.has_open(path), f"{name} to be closed")

    @contextlib.contextmanager
    def oplock(self, name, level, answer="no answer"):
        """A client has the file open with an oplock of that level. Gives an
        object that has what it was `granted`, and afterwards its `end`."""
        client = subprocess.Popen(
            [*self.inside(), CLIENT, name, level, answer], text=True,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        seen = types.SimpleNamespace()
        try:
            client.stdin.write(f"{PASSWORD}\n")
            client.stdin.flush()
            seen.granted = client.stdout.readline().strip()
            yield seen
        finally:
            out, _ = client.communicate("end\n", timeout=60)
        seen.end = out.strip()

    def has_open(self, path):
        """Whether a process of the server has: /proc/*/fd (proc(5))."""
        for process in filter(str.isdigit, os.listdir("/proc")):
            # Any of them may end meanwhile.
            with contextlib.suppress(OSError):
                if os.getsid(int(process)) != self.server.pid:
                    continue
                folder = f"/proc/{process}/fd"
                for number in os.listdir(folder):
                    if os.readlink(f"{folder}/{number}") == str(path):
                        return True
        return False

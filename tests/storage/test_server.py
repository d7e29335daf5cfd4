"""The server for tests runs from either source, and goes when its users are gone, killed ones too."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path

import psycopg
import pytest

from tests.storage import server

SECONDS = 30.0


def left_of(folder: Path) -> list[str]:
    """Processes and files that stay. Polls, since there is nothing to wait on: they are not our children."""
    began = time.monotonic()
    while True:
        listed = subprocess.run(["ps", "-eo", "args"], capture_output=True, text=True, check=True).stdout
        left = [line for line in listed.splitlines() if str(folder) in line] + [str(folder)] * folder.exists()
        if not left or time.monotonic() - began > SECONDS:
            return left
        time.sleep(0.02)


def test_it_ends_with_its_last_user_killed_or_not() -> None:
    try:
        folder, guest = server.employ()
    except server.NoServer as error:
        server_missing(error)
    code = f"""
from pathlib import Path
from tests.storage import server
guest = server.visit(Path({str(folder)!r}))
print(guest is not None, flush=True)
import time
time.sleep(60)
"""
    with subprocess.Popen([sys.executable, "-c", code], cwd=server.ROOT, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "True\n"
        guest.close()
        psycopg.connect(f"postgresql://postgres@/postgres?host={folder}").close()
        other.send_signal(signal.SIGKILL)
    assert left_of(folder) == []
    assert server.visit(folder) is None


def server_missing(error: Exception) -> None:
    pytest.skip(str(error))


@pytest.mark.parametrize("source", server.sources(), ids=lambda source: "-".join(source.parts[-3:]))
def test_every_source_serves(source: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(server.CHOICE, str(source))
    folder = server.new_folder()
    running = server.Server(folder)
    try:
        running.create()
        running.start()
        with psycopg.connect(running.url("postgres")) as connection:
            assert connection.execute("SELECT 1").fetchone() == (1,)
    finally:
        running.stop()
        server.remove(folder)


def test_binaries_behind_a_closed_door_are_copied(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A checkout in somebody's home folder, tests run by root, the server by somebody without rights."""
    user = server.User.choose()
    if not user.options:
        pytest.skip("only root has to become somebody else")
    wheels = server.inside_the_wheel()
    if not wheels:
        pytest.skip("the wheel is not installed here")
    tmp_path.chmod(0o700)
    server.copy(wheels[0], tmp_path)
    hidden = tmp_path / wheels[0].relative_to(server.base(wheels[0]))
    monkeypatch.setenv(server.CHOICE, str(hidden))
    folder = server.new_folder()
    user.own(folder)
    found = server.runnable(user, folder)
    server.remove(folder)
    assert found.is_relative_to(folder / "copy")


def test_no_postgresql_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(server.CHOICE, str(tmp_path / "none" / "at" / "all"))
    with pytest.raises(server.NoServer, match="install it, or the development package"):
        server.Server(tmp_path).create()

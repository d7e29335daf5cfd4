"""Where copies of the status page go: a folder, a bucket, or wherever a command takes them."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from pathlib import Path

import httpx

from bot.errors import Away, ProviderError
from bot.text import clip, one_line
from handlers.providers.http import client
from handlers.providers.sigv4 import Keys, path_of, signed

TYPES = {".html": "text/html; charset=utf-8", ".json": "application/json", ".atom": "application/atom+xml"}
OURS = re.compile(r"\d{4}-\d{2}-\d{2}-[0-9a-f]{6,12}\.html")  # the page of an incident
SECONDS = httpx.Timeout(20.0, connect=5.0)
LONGEST = 120  # seconds that a command may take
SHOWN = 300
PROOF = "watchkeeper-check.json"
SEEN = ("PATH", "HOME", "LANG", "USER", "SSH_AUTH_SOCK", "TMPDIR")  # of our environment, which holds secrets


class Folder:
    """Each file takes the place of the one before at once, so that nobody reads half of it."""

    def __init__(self, path: str) -> None:
        self.path = Path(path).expanduser()

    def look(self) -> str:
        """It is made when it is needed, so the nearest folder above it counts."""
        there = next(one for one in (self.path, *self.path.absolute().parents) if one.exists())
        if not there.is_dir() or not os.access(there, os.W_OK | os.X_OK):
            raise ProviderError("the folder", f"{there}: files cannot be put there")
        return f"files can be put into {self.path}"

    def put(self, files: Mapping[str, bytes]) -> None:
        try:
            for name, content in files.items():
                self._write(self.path / name, content)
            self._forget(files)
        except OSError as error:
            raise ProviderError("the folder", f"{self.path}: {error.strerror or error}") from None

    def _write(self, path: Path, content: bytes) -> None:
        if path.exists() and path.read_bytes() == content:
            return
        path.parent.mkdir(parents=True, exist_ok=True)
        beside = path.with_name(f".{path.name}.new")
        with beside.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        beside.replace(path)

    def _forget(self, files: Mapping[str, bytes]) -> None:
        """Pages of incidents that are too old to be shown. What else lies there is somebody's."""
        for path in (self.path / "incidents").glob("*.html"):
            if OURS.fullmatch(path.name) and f"incidents/{path.name}" not in files:
                path.unlink(missing_ok=True)


class Bucket:
    """An S3-compatible one. What this process has put there already is not put again."""

    def __init__(
        self,
        endpoint: str,
        bucket: str,
        prefix: str,
        keys: Keys,
        now: Callable[[], datetime],
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        self.base, self.bucket, self.prefix, self.keys, self.now = endpoint.rstrip("/"), bucket, prefix, keys, now
        self.known: dict[str, str] = {}
        self._client = client(timeout=SECONDS, transport=transport)

    def look(self) -> str:
        """A right to put is only known by putting: a little file that nothing leads to."""
        self._put(PROOF, b"{}")
        return f"files can be put into {self.bucket} ({PROOF} was)"

    def put(self, files: Mapping[str, bytes]) -> None:
        for name, content in files.items():
            digest = hashlib.sha256(content).hexdigest()
            if self.known.get(name) != digest:
                self._put(name, content)
                self.known[name] = digest

    def _put(self, name: str, content: bytes) -> None:
        url = f"{self.base}{path_of(self.bucket, self.prefix, name)}"
        kind = {"content-type": TYPES[Path(name).suffix], "cache-control": "max-age=30"}
        try:
            answer = self._client.put(
                url, content=content, headers=signed(self.keys, "PUT", url, content, self.now(), kind)
            )
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise Away("the bucket", f"no answer ({type(error).__name__})") from None
        if not answer.is_success:
            raise ProviderError("the bucket", f"HTTP {answer.status_code}{_code(answer.text)} for {name}")

    def close(self) -> None:
        self._client.close()


def _code(text: str) -> str:
    """What S3 calls the error: the rest of its answer names keys."""
    found = re.search(r"<Code>([A-Za-z0-9]{1,60})</Code>", text[:4000])
    return f" ({found[1]})" if found else ""


class Command:
    """Runs a command, such as rsync, on a folder with the files. No shell reads it, and it sees none of our secrets."""

    def __init__(self, argv: Sequence[str], seconds: float = LONGEST) -> None:
        self.argv, self.seconds = tuple(argv), seconds

    def look(self) -> str:
        """Run, it would publish what it is given; so only whether it is there."""
        found = shutil.which(self.argv[0])
        if found is None:
            raise ProviderError(self.argv[0], "there is no such command")
        return f"{found} is there; it was not run"

    def put(self, files: Mapping[str, bytes]) -> None:
        with tempfile.TemporaryDirectory(prefix="watchkeeper-") as outside:
            folder = f"{outside}/status"  # which others may read: rsync -a takes along who may
            Folder(folder).put(files)
            self._run([part.replace("{folder}", folder) for part in self.argv])

    def _run(self, argv: list[str]) -> None:
        seen = {name: value for name in SEEN if (value := os.environ.get(name))}
        try:
            ended = subprocess.run(  # noqa: S603  # what the operator has configured, word for word
                argv, env=seen, stdin=subprocess.DEVNULL, capture_output=True, timeout=self.seconds, check=False
            )
        except subprocess.TimeoutExpired:
            raise ProviderError(argv[0], f"it took more than {self.seconds:g} s") from None
        except OSError as error:
            raise ProviderError(argv[0], f"it cannot be started: {error.strerror}") from None
        if ended.returncode:
            said = clip(one_line(ended.stderr.decode("utf-8", "replace")), SHOWN)
            raise ProviderError(argv[0], f"it ended with code {ended.returncode}{f': {said}' if said else ''}")

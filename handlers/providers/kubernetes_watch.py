"""List, then watch: says what changes in a cluster, misses nothing, and never asks in a hot loop.

What it says is only where to look: a rollout that was touched, or, after each list, that everything has to be looked
at. So nothing is lost where the connection breaks, and nothing depends on the order of events.
"""

from __future__ import annotations

import json
import random
import threading
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Protocol

import structlog

from bot.errors import ProviderError
from handlers.world import Touched

log = structlog.get_logger(__name__)

WATCH_SECONDS = 300  # then the server ends it, and it is resumed: no connection lives for ever
SILENCE_SECONDS = 90.0  # a bookmark comes about every minute; after this long without a word the connection is dead
SHORTEST_PAUSE, LONGEST_PAUSE = 0.5, 30.0
LIST_ANEW = 3  # failures in a row: perhaps the server cannot live with the version that we ask from
GONE = 410

Json = dict[str, Any]


class Expired(ProviderError):
    """The server no longer knows what came after the version that was asked for: list again."""


class Lines(Protocol):
    """An answer that goes on. `stop` may come from another thread, `close` from the one that reads."""

    def __iter__(self) -> Iterator[bytes]: ...
    def stop(self) -> None: ...
    def close(self) -> None: ...


class Cluster(Protocol):
    """What a watch asks of one: reads only."""

    name: str

    def get(self, path: str, query: Mapping[str, str] | None = None) -> Json: ...
    def follow(self, path: str, query: Mapping[str, str], silence: float) -> Lines: ...


class Watch:
    """One kind in one cluster, until `close`. `wait` pauses between two tries; it is given seconds."""

    def __init__(self, cluster: Cluster, path: str, wait: Callable[[float], object] | None = None) -> None:
        self.cluster, self.path, self.silence = cluster, path, SILENCE_SECONDS
        self._closed, self._guard = threading.Event(), threading.Lock()
        self._wait = wait or self._closed.wait
        self._lines: Lines | None = None

    def __iter__(self) -> Iterator[Touched]:
        """Raises ProviderError (permanent) where to ask again is of no use: a person has to mend something."""
        version, failures = "", 0
        while not self._closed.is_set():
            try:
                if not version:
                    version = self._listed()
                    yield Touched()
                for kind, object in self._changes(version):
                    version, failures = _version(object) or version, 0
                    if kind != "BOOKMARK":
                        yield _touched(object)
            except Expired as error:
                failures, version = failures + 1, ""
                self._say(error)
            except ProviderError as error:
                if error.permanent and not self._closed.is_set():
                    raise
                failures += 1
                version = "" if failures % LIST_ANEW == 0 else version
                self._say(error)
            self._wait(pause(failures))

    def close(self) -> None:
        """Ends the iteration at once, from whatever thread."""
        with self._guard:
            self._closed.set()
            if self._lines is not None:
                self._lines.stop()

    def _listed(self) -> str:
        return _version(self.cluster.get(self.path))

    def _changes(self, version: str) -> Iterator[tuple[str, Json]]:
        """Raises Expired, ProviderError."""
        seconds = WATCH_SECONDS * random.uniform(0.8, 1.0)  # noqa: S311  # many watches must not end together
        asked = {"watch": "true", "allowWatchBookmarks": "true", "resourceVersion": version}
        lines = self.cluster.follow(self.path, asked | {"timeoutSeconds": str(int(seconds))}, self.silence)
        with self._guard:
            self._lines = lines
        try:
            if not self._closed.is_set():
                yield from (self._understood(line) for line in lines)
        finally:
            lines.close()

    def _understood(self, line: bytes) -> tuple[str, Json]:
        try:
            event = json.loads(line)
            kind, object = str(event["type"]), event["object"]
        except (ValueError, KeyError, TypeError, RecursionError):
            raise self._error("a line of the watch was not understood") from None
        if not isinstance(object, dict):
            raise self._error("a line of the watch holds no object")
        if kind == "ERROR":
            raise self._refused(object)
        return kind, object

    def _refused(self, status: Json) -> ProviderError:
        said = f"the watch ended: {status.get('code')}: {str(status.get('message'))[:200]}"
        return Expired(self._who, said) if status.get("code") == GONE else self._error(said)

    def _error(self, message: str) -> ProviderError:
        return ProviderError(self._who, message)

    @property
    def _who(self) -> str:
        return f"Kubernetes {self.cluster.name}"

    def _say(self, error: ProviderError) -> None:
        if not self._closed.is_set():
            log.info("watch interrupted; going on", path=self.path, error=str(error))


def pause(failures: int) -> float:
    """Seconds until the next try, with jitter: half a second after a good one, doubling while it fails."""
    return min(LONGEST_PAUSE, SHORTEST_PAUSE * 2.0 ** min(failures, 10)) * random.uniform(0.5, 1.0)  # noqa: S311


def _meta(object: Json) -> Json:
    meta = object.get("metadata")
    return meta if isinstance(meta, dict) else {}


def _version(object: Json) -> str:
    return str(_meta(object).get("resourceVersion") or "")


def _touched(object: Json) -> Touched:
    meta = _meta(object)
    return Touched(namespace=str(meta.get("namespace") or ""), name=str(meta.get("name") or ""))

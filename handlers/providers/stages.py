"""Stages of drills: the sandbox as a process beside the bot, which ends when the bot does."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx

from bot.drills import Scenery, Signal
from bot.errors import ProviderError
from bot.model import Story
from handlers.intake import deploys
from handlers.intake.sender import Delivery
from handlers.providers.http import client
from handlers.world import Cast

ROOT = Path(__file__).resolve().parents[2]  # where the packages stand
SET_SECONDS, ANSWER_SECONDS, END_SECONDS = 60.0, 5.0, 5.0
KEPT = ("PATH", "HOME", "LANG", "SYSTEMROOT")  # of our environment: a stage gets none of our secrets
SCENERY = frozenset({"alerts", "deploys", "errors"})
MISSING = "the sandbox is not installed beside the bot; see docs/drills.md"


@dataclass(frozen=True)
class Access:
    """The way into a stage's cluster, as it is configured for real ones."""

    kubeconfig: str
    context: str = ""
    in_cluster: bool = False


Acting = Callable[[Mapping[str, Access], str], Cast]


class Stages:
    """`acting` makes those who act on a stage, of the way into its cluster and the address of its Prometheus.

    Nothing is loaded or started before the first drill.
    """

    def __init__(self, acting: Acting, command: tuple[str, ...] = (sys.executable, "-m", "sandbox.stage")) -> None:
        self.acting, self.command = acting, command
        self.running: dict[str, subprocess.Popen[str]] = {}  # by incident
        self.addresses: dict[str, str] = {}
        self.casts: dict[str, Cast] = {}  # by address
        self.known: tuple[Story, ...] = ()
        self.guard = threading.Lock()

    def stories(self) -> tuple[Story, ...]:
        """Asked of the sandbox once."""
        with self.guard:
            if not self.known:
                told = self._spawn()
                listed = _line(told)
                _let_go(told)
                self.known = tuple(Story(**each | {"acts": tuple(each["acts"])}) for each in listed)
            return self.known

    def begin(self, incident: str, story: str) -> str:
        with self.guard:
            if incident not in self.running or self.running[incident].poll() is not None:
                self.running[incident] = process = self._spawn(story)
                self.addresses[incident] = str(_line(process)["url"])
            return self.addresses[incident]

    def holds(self, incident: str) -> bool:
        """Whether its stage is of this process."""
        return incident in self.running

    def look(self, address: str) -> Scenery:
        state = self._state(address)
        alerts = (Signal(title=a["alertname"], severity=a["severity"], summary=a["summary"]) for a in state["alerts"])
        told = Delivery(body=json.dumps(state["deploys"]).encode(), now=datetime.now(UTC), headers={})
        return Scenery(alerts=tuple(alerts), deploys=tuple(deploys.parse(told)), errors=state["errors"])

    def cast(self, address: str) -> Cast:
        with self.guard:
            if address not in self.casts:
                self.casts[address] = self._acting(address)
            return self.casts[address]

    def end(self, incident: str) -> None:
        """Also where there is none, or another replica has it: that one's ends with its replica, or after its hour."""
        with self.guard:
            process, address = self.running.pop(incident, None), self.addresses.pop(incident, "")
            cast = self.casts.pop(address, None)
        if cast is not None:
            cast.close()
        if process is not None:
            _let_go(process)

    def close(self) -> None:
        for incident in list(self.running):
            self.end(incident)

    def _spawn(self, *words: str) -> subprocess.Popen[str]:
        environment = {name: value for name, value in os.environ.items() if name in KEPT}
        return subprocess.Popen(  # noqa: S603  # our own module, and a story that it has named itself
            [*self.command, *words],
            cwd=ROOT,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )

    def _state(self, address: str) -> Any:
        try:
            with client(trust_env=False, timeout=ANSWER_SECONDS) as here:
                state = here.get(f"{address}/stage").raise_for_status().json()
            if not (isinstance(state, dict) and state.keys() >= SCENERY):  # the same address, on another machine
                raise ValueError("that is no stage")
            return state
        except (httpx.HTTPError, ValueError) as error:
            raise ProviderError("the drill's stage", f"it does not answer ({type(error).__name__})") from None

    def _acting(self, address: str) -> Cast:
        """The clients read their kubeconfig at once, so that it need not stay."""
        with tempfile.TemporaryDirectory(prefix="watchkeeper-drill-") as folder:
            path = Path(folder) / "kubeconfig"
            path.write_text(json.dumps(_kubeconfig(f"{address}/cluster")), encoding="utf-8")
            return self.acting({"drill": Access(kubeconfig=str(path))}, f"{address}/prometheus")


def _line(process: subprocess.Popen[str]) -> Any:
    """The one line that it says; a process that does not is ended. Raises ProviderError."""
    assert process.stdout is not None
    patience = threading.Timer(SET_SECONDS, process.kill)
    patience.start()
    try:
        return json.loads(process.stdout.readline())
    except ValueError:
        _let_go(process)
        raise ProviderError("Drills", MISSING, permanent=True) from None
    finally:
        patience.cancel()


def _let_go(process: subprocess.Popen[str]) -> None:
    """A stage ends when nobody holds its input."""
    assert process.stdin is not None
    process.stdin.close()
    try:
        process.wait(END_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    if process.stdout is not None:
        process.stdout.close()


def _kubeconfig(server: str) -> dict[str, Any]:
    context = {"cluster": "drill", "user": "drill"}
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "drill",
        "clusters": [{"name": "drill", "cluster": {"server": server}}],
        "users": [{"name": "drill", "user": {"token": "drill"}}],
        "contexts": [{"name": "drill", "context": context}],
    }

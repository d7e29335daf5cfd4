"""Ten thousand alerts in a minute over HTTP into a running bot that has the sandbox as Slack, where people type."""

from __future__ import annotations

import json
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import yaml

from handlers.manifest import manifest
from sandbox.clock import Clock
from sandbox.server import application, serve
from sandbox.slack.workspace import Workspace
from sandbox.world import Sandbox
from storage.store import Store
from tests.benchmarks import load
from tests.processes import HOOK_TOKEN, Process, bot

ALERTS, SECONDS = 10_000, 60.0
# Incidents that open meanwhile, and the seconds between them: Slack allows twenty new channels a minute.
OTHERS, APART = 12, 4.5
READS = ("auth.", "conversations.history", "conversations.info", "conversations.members", "users.")

Post = Callable[..., dict[str, float]]


@dataclass
class Figures:
    seconds: float = 0.0  # for all posts
    p99: float = 0.0  # seconds for one
    acks: list[float] = field(default_factory=list)  # seconds until a command was acknowledged
    cards: list[float] = field(default_factory=list)  # seconds from the 202 to the card
    writes: int = 0  # of one channel within a minute, the most
    limited: int = 0  # calls that Slack answered with 429
    cpu: float = 0.0  # seconds that the bot computed
    kept: int = 0
    incidents: int = 0


def share(of: list[float], part: float) -> float:
    return sorted(of)[min(len(of) - 1, int(part * len(of)))] if of else float("inf")


def blow(folder: Path, post: Post, cpu: Callable[[Process], float], engine_url: str) -> Figures:
    """`post` runs the load generator against a bot; `cpu` is how many seconds a process has computed."""
    folder.mkdir()
    config = folder / "config.yml"
    config.write_text(yaml.safe_dump({"storm": {"incidents": 50}, "channels_per_hour": 50}))
    world = Sandbox.build(Clock.system())
    world.workspace.install(manifest({}))
    with serve(application(world)) as served:
        server = bot(folder, served.url, engine_url, config)
        try:
            server.until("/readyz")
            before = cpu(server)
            figures = measured(server, world.workspace, post)
            figures.cpu = cpu(server) - before
        finally:
            server.stop()
    with closing(Store(engine_url)) as store:
        (first, *others) = reversed(store.read(lambda tx: tx.incidents()))
        figures.kept = len(store.read(lambda tx: tx.alerts(first.id)))
        figures.incidents = 1 + len(others)
    return figures


def measured(server: Process, workspace: Workspace, post: Post) -> Figures:
    figures, over = Figures(), threading.Event()
    crew = [
        threading.Thread(target=partial(type_on, workspace, figures.acks, over)),
        threading.Thread(target=partial(open_others, server.url, workspace, figures.cards)),
    ]
    for thread in crew:
        thread.start()
    told = post(server, "storm", "--posts", str(ALERTS), "--rate", str(ALERTS / SECONDS), "--seconds", "80")
    over.set()
    for thread in crew:
        thread.join()
    figures.seconds, figures.p99 = told["seconds"], told["p99"]
    figures.writes, figures.limited = most_writes(workspace), limited(workspace)
    return figures


def type_on(workspace: Workspace, acks: list[float], over: threading.Event) -> None:
    """Somebody asks twice a second."""
    while not over.wait(0.5):
        began = time.perf_counter()
        workspace.command("U0DANA", "C0INCIDENTS", "/incident list")
        acks.append(time.perf_counter() - began)


def open_others(url: str, workspace: Workspace, cards: list[float]) -> None:
    """Alerts of other services, whose cards are waited for."""
    headers = {"authorization": f"Bearer {HOOK_TOKEN}"}
    with httpx.Client(headers=headers, timeout=20, trust_env=False) as client:
        for number in range(OTHERS):
            time.sleep(APART)
            alert = load.alert(0, f"other{number}")
            alert["labels"] = {"alertname": "Other", "service": f"other-{number}", "severity": "critical"}
            body = {"version": "4", "groupKey": f"other-{number}", "alerts": [alert]}
            assert client.post(f"{url}/hooks/alertmanager", json=body).status_code == 202
            began = time.perf_counter()
            while not has_card(workspace, f"-other-{number}") and time.perf_counter() - began < 60:
                time.sleep(0.005)
            cards.append(time.perf_counter() - began)


def has_card(workspace: Workspace, room: str) -> bool:
    with workspace.lock:
        found = [one for one in workspace.channels.values() if one.name.endswith(room)]
        return any('"header"' in json.dumps(m.get("blocks")) for one in found for m in one.messages.values())


def writes(workspace: Workspace) -> Iterator[tuple[str, float]]:
    """The channel and the second of each call that changes something there."""
    for call in list(workspace.calls):
        where: Any = call.args.get("channel") or call.args.get("channel_id")
        if where and not call.error and not call.method.startswith(READS):
            yield str(where), call.at.timestamp()


def most_writes(workspace: Workspace) -> int:
    """Of any one channel in any minute of the clock."""
    counted = Counter((channel, int(at // 60)) for channel, at in writes(workspace))
    return max(counted.values(), default=0)


def limited(workspace: Workspace) -> int:
    return sum(call.error == "ratelimited" for call in list(workspace.calls))

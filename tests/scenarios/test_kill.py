"""kill -9 at every boundary: before the bot's call reaches the world, and after it was done but before the bot knows.

The sandbox and the bot are real processes' worth of real protocols; the pretend Slack and cluster pull the trigger.
"""

from __future__ import annotations

import json
import threading
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import yaml
from sqlalchemy import select
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from bot.decision import EscalatePage, PlotRollout, RemindRole, ShowPicture, ShowRollout, VerifyFleet, WatchRollout
from handlers.app import utc_now
from handlers.manifest import manifest
from sandbox.clock import Clock
from sandbox.cluster import kubeconfig
from sandbox.server import application, serve
from sandbox.slack.model import Channel, SlackError
from sandbox.world import Sandbox
from storage.outbox import clear_leases
from storage.store import Store
from storage.tables import OutboxRow, table_of
from tests import processes
from tests.benchmarks import load
from tests.databases import Databases

READS = {
    "auth.test", "apps.connections.open", "bookmarks.list", "conversations.history", "conversations.info",
    "conversations.replies", "files.info", "pins.list", "usergroups.users.list", "users.conversations", "users.info",
}  # fmt: skip
SECONDS = 90.0
OUTBOX = table_of(OutboxRow)
# They look again as long as there may be news, or in five minutes whether a page was answered and a role is filled.
LOOKS = (ShowRollout, PlotRollout, ShowPicture, VerifyFleet, WatchRollout, EscalatePage, RemindRole)


class Trigger:
    """Kills on the first sight of each call before it is done, and on the second after it; then lets it be."""

    def __init__(self, app: ASGIApp, kill: Callable[[], None], armed: Callable[[], bool]) -> None:
        self.app, self.kill, self.armed = app, kill, armed

    seen: Counter[str] = Counter()

    @classmethod
    def kills(cls) -> int:
        return sum(min(count, 2) for count in list(cls.seen.values()))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        name = path_of(scope)
        if not name or not self.armed():
            await self.app(scope, receive, send)
            return
        body, replay = await swallow(receive)
        key = f"{name} {what(body)}".strip()
        if key == "chat.postMessage":  # half a request: another one's kill came in the middle of it
            await self.app(scope, replay, send)
            return
        self.seen[key] += 1
        if self.seen[key] == 1:
            self.kill()
            return
        if self.seen[key] == 2:
            await self.app(scope, replay, nowhere)
            self.kill()
            return
        await self.app(scope, replay, send)


def path_of(scope: Scope) -> str:
    """The Web API method or the cluster's object that a request would change, or ""."""
    if scope["type"] != "http":
        return ""
    path = str(scope["path"])
    if path.startswith("/api/"):
        method = path.removeprefix("/api/")
        return "" if method in READS else method
    return f"PATCH {path}" if scope["method"] == "PATCH" else ""


def what(body: bytes) -> str:
    """Which post it is: our key in the message's metadata."""
    try:
        return str(json.loads(body)["metadata"]["event_payload"]["k"])
    except (ValueError, KeyError, TypeError):
        return ""


async def swallow(receive: Receive) -> tuple[bytes, Receive]:
    chunks, more = [], True
    while more:
        message = await receive()
        chunks.append(message.get("body", b""))
        more = message.get("more_body", False)
    body = b"".join(chunks)
    given = iter([{"type": "http.request", "body": body, "more_body": False}])

    async def replay() -> Message:
        return next(given, None) or await receive()

    return body, replay


async def nowhere(message: Message) -> None:
    """The answer that nobody is left to read."""


class Phoenix:
    """A bot that is started again whenever it dies, on the same database and port.

    The leases that it held end at once, as if their 20 s had been waited for.
    """

    def __init__(self, start: Callable[[], processes.Process], database: str) -> None:
        self.start, self.database, self.process = start, database, start()
        self.deaths, self.stopping = 0, False
        self.thread = threading.Thread(target=self.watch)
        self.thread.start()

    def watch(self) -> None:
        while True:
            self.process.popen.wait()
            if self.stopping:
                return
            self.deaths += 1
            self.end_leases()
            self.process = self.start()

    def end_leases(self) -> None:
        store = Store(self.database)
        with store.transactions.writing() as connection:
            clear_leases(connection)
        store.close()

    def kill(self) -> None:
        self.process.popen.kill()
        self.process.popen.wait(10)

    def stop(self) -> None:
        self.stopping = True
        self.process.stop()
        self.thread.join(30)


def configuration(url: str, folder: Path) -> Path:
    (folder / "kubeconfig").write_text(yaml.safe_dump(kubeconfig(f"{url}/cluster")))
    path = folder / "config.yml"
    rollout = {"provider": "argo", "cluster": "shop", "namespace": "shop", "name": "checkout"}
    content = {
        "url": "http://watchkeeper.example",
        "clusters": {"shop": {"kubeconfig": str(folder / "kubeconfig")}},
        "oncall": {"storefront": {"people": ["U0DANA"]}},
        "services": {"checkout": {"oncall": "storefront", "rollout": rollout}},
        "roles": {"commander": {"instructions": ""}},  # one direct message, the page, is enough
    }
    path.write_text(yaml.safe_dump(content))
    return path


def test_killed_at_every_boundary_nothing_is_lost_and_nothing_is_doubled(database: str, tmp_path: Path) -> None:
    world = Sandbox.build(Clock.system())
    world.workspace.install(manifest({}))
    world.shop.tempo = world.cluster.replicas.tempo = 0.05
    app = application(world)
    armed = threading.Event()
    bots: list[Phoenix] = []
    Trigger.seen = Counter()
    app.add_middleware(Trigger, kill=lambda: bots[0].kill(), armed=armed.is_set)
    with serve(app) as served:
        config, port = configuration(served.url, tmp_path), processes.free_port()
        environ = processes.environment(served.url, database, port, config)
        bots.append(Phoenix(lambda: processes.warm_bot(tmp_path / "bot.log", environ), database))
        try:
            tell(world, bots[0], f"http://127.0.0.1:{port}", armed)
            rest(database)
            check(world, bots[0])
        except AssertionError as error:
            raise AssertionError(f"{error}\nkilled at: {dict(Trigger.seen)}\n{bots[0].process.said()}") from None
        finally:
            armed.clear()
            bots[0].stop()


# ---------------------------------------------------------------- in a storm

ALERTS, POSTERS, KILLED_AT = 200, 8, 80  # the last: so many are accepted then


class Storm:
    """Senders that post until each of their alerts is answered with a 2xx, as Alertmanager does."""

    def __init__(self, url: str, kill: Callable[[], None]) -> None:
        self.url, self.kill = f"{url}/hooks/alertmanager", kill
        self.guard = threading.Lock()
        self.accepted = self.repeated = 0
        self.over = time.monotonic() + SECONDS

    def blow(self) -> None:
        with ThreadPoolExecutor(POSTERS) as pool:
            list(pool.map(self.send, range(POSTERS)))

    def send(self, first: int) -> None:
        headers = {"authorization": f"Bearer {processes.HOOK_TOKEN}"}
        with httpx.Client(headers=headers, timeout=20, trust_env=False) as client:
            for number in range(first, ALERTS, POSTERS):
                while not self.is_accepted(client, number):
                    assert time.monotonic() < self.over, f"alert {number} was never accepted"
                    time.sleep(0.05)

    def is_accepted(self, client: httpx.Client, number: int) -> bool:
        body = {"version": "4", "groupKey": "storm", "alerts": [load.alert(number, "storm")]}
        try:
            answered = client.post(self.url, json=body).status_code == 202
        except httpx.TransportError:
            answered = False
        with self.guard:
            self.accepted += answered
            self.repeated += not answered
            if answered and self.accepted == KILLED_AT:
                self.kill()
        return answered


def test_killed_in_a_storm_every_alert_that_was_accepted_is_there_once(databases: Databases, tmp_path: Path) -> None:
    """On SQLite, whose commits are shared by those who wait; the same door stands before PostgreSQL."""
    world = Sandbox.build(Clock.system())
    world.workspace.install(manifest({}))
    database = databases.create("sqlite")
    with serve(application(world)) as served:
        config, port = configuration(served.url, tmp_path), processes.free_port()
        environ = processes.environment(served.url, database, port, config)
        bot = Phoenix(lambda: processes.warm_bot(tmp_path / "bot.log", environ), database)
        try:
            url = f"http://127.0.0.1:{port}"
            until(lambda: processes.answers(f"{url}/readyz"), "the bot to be ready")
            storm = Storm(url, bot.kill)
            storm.blow()
            with closing(Store(database)) as store:
                until(lambda: bool(store.read(lambda tx: tx.incident("INC-1").card)), "the card")
        finally:
            bot.stop()
    assert (bot.deaths, storm.accepted) == (1, ALERTS)
    assert storm.repeated > 0, "it was killed in the middle"
    with closing(Store(database)) as store:
        assert [incident.id for incident in store.read(lambda tx: tx.incidents())] == ["INC-1"]
        kept = [alert.key for alert in store.read(lambda tx: tx.alerts("INC-1"))]
        assert sorted(kept) == [f"alertmanager/storm{number:012x}" for number in range(ALERTS)]
        assert store.dead() == []
    (room,) = [room for room in world.workspace.channels.values() if room.name.startswith("inc-")]
    assert (room.name, len(ours(room, "header"))) == ("inc-1-checkout", 1), "one channel, and one card in it"


def tell(world: Sandbox, bot: Phoenix, url: str, armed: threading.Event) -> None:
    """A bad release, an alert, a rollback: the people try again where the bot was dead, as people do."""
    slack = world.workspace
    until(lambda: processes.answers(f"{url}/readyz"), "the bot to be ready")
    world.cluster.deploy("checkout", image="shop/checkout:v42")
    armed.set()
    alert = json.loads((processes.ROOT / "tests/samples/senders/alertmanager/firing.json").read_bytes())
    headers = {"authorization": f"Bearer {processes.HOOK_TOKEN}"}
    assert httpx.post(f"{url}/hooks/alertmanager", json=alert, headers=headers, timeout=20).status_code == 202
    until(lambda: bool(posts(world, "INC-1/card")), "the card")
    until(lambda: bool(posts(world, "INC-1/announcement")), "the announcement")
    room = next(channel for channel in slack.channels.values() if channel.name == "inc-1-checkout")
    until(lambda: {"U0DANA"} <= set(room.members) and bool(room.pins) and bool(room.topic), "people, pin, topic")
    until(lambda: world.cluster.workload("checkout").observed, "the canary")
    line = asked(lambda: slack.command("U0DANA", room.id, "/rollout rollback checkout", wait=3))
    asked(lambda: slack.press("U0DANA", room.id, line["ts"], "ask.confirm", wait=3))
    until(lambda: bool(ours(room, "is *proven*")), "the proof")


def rest(database: str) -> None:
    """Until nothing is left to do but the reminder of the next update, which is minutes away, and to look again."""
    store = Store(database)
    left = select(OUTBOX.c.kind).where(
        OUTBOX.c.state.in_(["pending", "running"]),
        OUTBOX.c.kind.not_in([effect.__name__ for effect in LOOKS]),
        OUTBOX.c.due_at < utc_now() + timedelta(minutes=5),
    )

    def quiet() -> bool:
        with store.transactions.reading() as connection:
            return connection.scalars(left).first() is None

    try:
        until(quiet, "the outbox to rest")
    finally:
        store.close()


def asked(ask: Callable[[], list[dict[str, Any]]]) -> dict[str, Any]:
    """The answer, asked for again while there is nobody to give it."""
    shown: list[dict[str, Any]] = []

    def answered() -> bool:
        try:
            shown.extend(m for m in ask() if m.get("bot_id"))
        except SlackError as error:  # the person is told that the app did not answer
            if error.code not in ("dispatch_failed", "operation_timeout"):
                raise
        return bool(shown)

    until(answered, "an answer")
    return shown[-1]


def until(true: Callable[[], bool], what: str) -> None:
    """Polls: what is waited for happens in another process, which may be dead just now.

    Every boundary that kills it starts the time anew, since how many lie on the way is not this wait's business.
    """
    began, kills = time.monotonic(), Trigger.kills()
    while not true():
        if Trigger.kills() > kills:
            began, kills = time.monotonic(), Trigger.kills()
        assert time.monotonic() - began < SECONDS, f"waited {SECONDS} s for {what}"
        time.sleep(0.02)


def posts(world: Sandbox, key: str) -> list[dict[str, Any]]:
    """Every message that carries this key of ours."""
    return [
        message
        for channel in list(world.workspace.channels.values())
        for message in list(channel.messages.values())
        if (message.get("metadata") or {}).get("event_payload", {}).get("k") == key
    ]


def ours(room: Channel, says: str) -> list[dict[str, Any]]:
    """The bot's messages there that say this somewhere."""
    return [m for m in room.messages.values() if m.get("bot_id") and says in json.dumps(m)]


def check(world: Sandbox, bot: Phoenix) -> None:
    made = [channel for channel in world.workspace.channels.values() if channel.creator == "U0WATCH"]
    rooms = [channel for channel in made if not channel.is_im]
    assert len(posts(world, "INC-1/page/0/0/message")) == 1, "one page"
    assert [room.name for room in rooms] == ["inc-1-checkout"]
    assert len(ours(rooms[0], "header")) == 2, "one card of the incident, and one of the rollout"
    assert len(ours(rooms[0], "is *proven*")) == 1, "one outcome"
    assert len(ours(world.workspace.channel("C0INCIDENTS"), "INC-1")) == 1, "one announcement"
    links = [mark["link"] for mark in rooms[0].bookmarks]
    assert len(links) == len(set(links))
    aborts = [call for call in world.cluster.calls if call.verb == "patch" and "abort" in json.dumps(call.body)]
    assert len(aborts) == 1, "the rollback was sent once"
    assert world.cluster.workload("checkout").aborted
    twice = {key for key, count in Trigger.seen.items() if count >= 2}
    assert twice == set(Trigger.seen), "every boundary was tried, before and after"
    assert bot.deaths > 10
    assert any(key.startswith("PATCH") for key in twice)
    assert {"conversations.create", "chat.postMessage INC-1/card", "pins.add"} <= twice

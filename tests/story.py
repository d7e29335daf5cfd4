"""The language scenario tests are written in: the real bot and store, a pretend world, and a clock that we move.

Everything runs in the test's own thread: Bolt's listeners, and the outbox when a line of the story ends.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import cache, partial
from pathlib import Path
from typing import Any, cast

import yaml
from fastapi.testclient import TestClient
from slack_bolt import App, BoltRequest

from bot.model import Incident, Role
from bot.policy import (
    Component,
    Expect,
    Group,
    Policy,
    Probe,
    Rota,
    Rule,
    Service,
    StatusPage,
    Target,
    Vendor,
    Verification,
)
from bot.positions import POSITIONS
from bot.signals import ERRORS_BY_VERSION, SIGNALS
from handlers import outages, outbox, probes, rollouts, vendors
from handlers.app import gate_url
from handlers.intake import SENDERS, Source
from handlers.manifest import manifest
from handlers.providers import DRAWING, ROLLOUTS, load
from handlers.providers.away_webhook import AwayWebhook
from handlers.providers.gitops import Neighbourhood
from handlers.providers.kubernetes import Kubernetes
from handlers.providers.places import Folder
from handlers.providers.pods import Pods
from handlers.providers.probing import HttpProber
from handlers.providers.prometheus import ErrorsByVersion, Prometheus
from handlers.providers.slack import SlackChat
from handlers.providers.slack_api import connect
from handlers.providers.vendor_pages import VendorSites
from handlers.providers.version_page import VersionPage
from handlers.slack import bolt
from handlers.slack.identity import preflight
from handlers.web import server
from handlers.web.signin import Entrance
from handlers.world import Alarms, Mailer, Place, World
from sandbox.clock import FrozenClock
from sandbox.cluster import kubeconfig
from sandbox.server import application, serve
from sandbox.slack.events import Ack, Delivery, Failed
from sandbox.slack.faults import Faults, Kind
from sandbox.slack.workspace import BOT_TOKEN
from sandbox.world import Sandbox
from storage.store import Store
from tests.values import NOON

TOKEN, API_TOKEN = "hook-token", "api-token"
LOOK_EVERY = timedelta(seconds=10)  # for Slack
OBSERVE_EVERY = timedelta(seconds=30)
DANA, ALICE, BOB, CAROL = "U0DANA", "U0ALICE", "U0BOB", "U0CAROL"


def target(service: str, provider: str = "argo") -> Target:
    return Target(provider=provider, cluster="shop", namespace="shop", name=service)


SHOP = Policy(
    must_announce=True,
    pages_at=None,  # what is paged is in test_pages
    roles={role: replace(one, instructions="") for role, one in POSITIONS.items()},  # what is told is in test_roles
    broadcast=("#status-updates",),
    consent=(Rule(approvals=0, typed=False),),  # whoever may, may alone; the default is in test_consent
    oncall={
        "storefront": Rota(people=(DANA, ALICE), start=NOON - timedelta(days=1), turn=timedelta(days=7)),
        "payments": Group(id="S0PAY"),
    },
    services={
        "checkout": Service(
            name="checkout",
            roles={Role.COMMANDER: "storefront", Role.OPS: "payments"},
            rollout=target("checkout"),
            broadcast=("#support",),
            depends_on=("payments",),
            verification=Verification(build_info='build_info{service="checkout"}'),
        ),
        "payments": Service(name="payments", oncall="payments", rollout=target("payments")),
    },
)


class Inline(Executor):
    """Bolt's listeners run to their end before the request is answered."""

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        future: Future[Any] = Future()
        try:
            future.set_result(fn(*args, **kwargs))
        except Exception as error:  # noqa: BLE001  # as any executor: whoever asks for the result gets it
            future.set_exception(error)
        return future


def over(app: App) -> Callable[[Delivery], Ack | Failed]:
    """What a socket would carry, handed over without one."""

    def transport(delivery: Delivery) -> Ack | Failed:
        answer = app.dispatch(BoltRequest(mode="socket_mode", body=delivery.payload))
        if answer.status != 200:
            return Failed()
        return Ack(json.loads(answer.body) if answer.body else {})

    return transport


@dataclass
class Spoiler:
    method: str
    left: int
    kind: Kind
    done: bool = False

    def see(self, method: str, faults: Faults) -> None:
        if self.done or method != self.method:
            return
        if self.left == 0:
            faults.add(method, self.kind)
            self.done = True
        self.left -= 1


class Standing:
    """The world that a web app works for: another one with each story."""

    def __init__(self, world: World) -> None:
        self.world = world

    def __getattr__(self, name: str) -> Any:
        return getattr(self.world, name)


class Lobby:
    """Web apps, lent again when a story has ended: to build one takes longer than many a story."""

    def __init__(self) -> None:
        self.free: list[tuple[Standing, TestClient]] = []
        self.rooms = ExitStack()  # their event loops

    def lend(self, world: World) -> tuple[Standing, TestClient]:
        return self.free.pop() if self.free else self.build(Standing(world))

    def build(self, standing: Standing) -> tuple[Standing, TestClient]:
        sources = {name: Source(name=name, sender=sender, secrets=(TOKEN,)) for name, sender in SENDERS.items()}
        world = cast(World, standing)
        entrance = Entrance(token=TOKEN)
        web = server.build(world, sources, API_TOKEN, ready=lambda: "", gate_tokens=(TOKEN,), entrance=entrance)
        return standing, self.rooms.enter_context(TestClient(web, raise_server_exceptions=False))

    def close(self) -> None:
        self.rooms.close()


@cache
def app_manifest() -> dict[str, Any]:
    return manifest({})


class Story:
    def __init__(self, store: Store, folder: Path, lobby: Lobby, policy: Policy = SHOP) -> None:
        self.clock = FrozenClock(NOON)
        self.sandbox = Sandbox.build(self.clock)
        self.slack, self.cluster, self.shop = self.sandbox.workspace, self.sandbox.cluster, self.sandbox.shop
        self.slack.install(app_manifest())
        self.served = serve(application(self.sandbox))
        self.store = store
        self.policy = policy
        (folder / "kubeconfig").write_text(yaml.safe_dump(kubeconfig(f"{self.served.url}/cluster")))
        self.kubernetes = Kubernetes.configured("shop", str(folder / "kubeconfig"))
        self.clusters = {"shop": self.kubernetes}
        self.prometheus = Prometheus(f"{self.served.url}/prometheus")
        self.version_page = VersionPage()
        self.prober = HttpProber()
        self.vendor_pages = VendorSites()
        self.exports: dict[str, Place] = {}
        self.outlets: dict[str, Any] = {}  # more of the world, such as a mailer
        self.mailer: Mailer | None = None
        self.alarms: Alarms | None = None
        self.away_webhook = AwayWebhook(f"{self.served.url}/phone")
        self.vendor_pages = VendorSites()
        self.lobby = lobby
        self.desk: tuple[Standing, TestClient] | None = None
        self.world = self.wire()
        self.drain: Callable[[World], int] = outbox.drain
        self.spoilers: list[Spoiler] = []
        self.slack.before_call = self.about_to_call
        self.shop.hooks.deliver = self.deliver
        self.sandbox.terminal.ask = lambda asked: str(self.asks(asked["line"], asked["as"], asked["channel"])["text"])
        self.looked_at = self.observed_at = self.clock.now()
        self.told = 0  # of the cluster's versions the last that was looked at

    def wire(self) -> World:
        """The bot, made anew of what it remembers: also what a restart does."""
        self.client = client = connect(BOT_TOKEN, f"{self.served.url}/api/")
        identity = preflight(client)
        world = World(
            store=self.store,
            chat=SlackChat(client, self.store, self.clock.now, identity),
            rollouts={kind: load(kind)(self.clusters) for kind in ROLLOUTS},
            policy=self.policy,
            now=self.clock.now,
            metrics=self.prometheus,
            by_version=ErrorsByVersion(self.prometheus, ERRORS_BY_VERSION),
            draw=load("plots", DRAWING) if self.policy.signals else None,
            pods=Pods(self.clusters),
            version_page=self.version_page,
            beyond={"webhook": self.away_webhook},
            prober=self.prober,
            vendor_pages=self.vendor_pages,
            gate_url=partial(gate_url, "https://watchkeeper.example", TOKEN),
            neighbourhood=Neighbourhood(self.clusters),
            exports=self.exports,
            **({"mailer": self.mailer, "alarms": self.alarms} | self.outlets),
        )
        for transport in list(self.slack.courier.transports):
            self.slack.disconnect(transport)
        self.slack.connect(over(bolt.build(world, client, identity, executor=Inline())))
        return world

    @property
    def http(self) -> TestClient:
        """The pages, hooks and API of the bot as it is wired now."""
        self.desk = self.desk or self.lobby.lend(self.world)
        standing, client = self.desk
        standing.world = self.world
        return client

    def probe(self, service: str = "search", every: timedelta = timedelta(seconds=5), **other: Any) -> None:
        """From now on a page of the shop is looked at, to see whether it has prices."""
        url = f"{self.served.url}/shop/{service}"
        looks = Probe(name=f"{service}-prices", url=url, service=service, every=every, expect=Expect(text=("€",)))
        self.policy = replace(self.policy, probes={looks.name: replace(looks, **other)})
        self.world = self.wire()
        probes.begin(self.world)
        self.settle(patience=0)

    def vendor(self, every: timedelta = timedelta(seconds=10), **other: Any) -> None:
        """From now on the page of the shop's payment processor is read."""
        page = f"{self.served.url}/statuspage"
        asked = Vendor(name="paybridge", page=page, used_by=("checkout", "payments"), every=every)
        self.policy = replace(self.policy, vendors={asked.name: replace(asked, **other)})
        self.world = self.wire()
        vendors.begin(self.world)
        self.settle(patience=0)

    def copies(self, folder: Path) -> None:
        """From now on there is a status page, and a copy of it in a folder."""
        component = Component(name="checkout", title="Checkout", services=("checkout", "payments"))
        self.policy = replace(self.policy, status=StatusPage(components={"checkout": component}, exports=("folder",)))
        self.exports = {"folder": Folder(str(folder))}
        self.world = self.wire()

    def plots(self) -> None:
        """From now on the releases' signals are plotted."""
        self.policy = replace(self.policy, signals=tuple(SIGNALS.values()))
        self.world = self.wire()

    def about_to_call(self, method: str) -> None:
        assert not self.store.busy, f"{method} was called inside a transaction"
        for spoiler in self.spoilers:
            spoiler.see(method, self.slack.faults)

    def close(self) -> None:
        if self.desk:
            self.desk[1].cookies.clear()
            self.lobby.free.append(self.desk)
        self.served.close()
        self.cluster.close()
        self.kubernetes.close()
        self.prometheus.close()
        self.version_page.close()
        self.prober.close()
        self.vendor_pages.close()
        self.away_webhook.close()
        self.store.close()

    # ------------------------------------------------------------ what happens

    def deliver(self, path: str, body: bytes, headers: dict[str, str]) -> int:
        """A webhook of the shop's tools, on its way to the bot."""
        status: int = self.http.post(path, content=body, headers=headers | self.bearer()).status_code
        return status

    def bearer(self, token: str = TOKEN) -> dict[str, str]:
        return {"authorization": f"Bearer {token}"}

    def alert(self, title: str = "CheckoutErrorRatioHigh", service: str = "checkout", **labels: str) -> None:
        """One delivery of Alertmanager's. `status="resolved"` clears it."""
        status = labels.pop("status", "firing")
        self.hook("alertmanager", self.alertmanager(title, service, status, **labels))

    def alertmanager(self, title: str, service: str, status: str = "firing", **labels: str) -> dict[str, Any]:
        """The body of a delivery. `since` is when it began to fire: noon, unless said."""
        since = labels.pop("since", NOON.isoformat())
        known = {"alertname": title, "service": service, "severity": "critical", "env": "prod", **labels}
        alert = {
            "status": status,
            "labels": known,
            "annotations": {"summary": title},
            "startsAt": since,
            "endsAt": self.clock.now().isoformat() if status == "resolved" else "0001-01-01T00:00:00Z",
            "generatorURL": "https://prometheus.example/graph",
            "fingerprint": hashlib.sha256(f"{title}/{service}".encode()).hexdigest()[:16],
        }
        return {"version": "4", "groupKey": f"{title}/{service}", "status": status, "alerts": [alert]}

    def deploy(self, version: str = "v42", service: str = "checkout", status: str = "started") -> None:
        self.hook(
            "deploys",
            {
                "service": service,
                "version": version,
                "environment": "production",
                "status": status,
                "at": self.clock.now().isoformat(),
                "url": f"https://ci.example/{service}/{version}",
                "actor": "ci",
            },
        )

    def hook(self, sender: str, body: Any) -> None:
        response = self.knock(sender, json.dumps(body).encode())
        assert response.status_code == 202, response.text
        self.settle()

    def knock(self, sender: str, body: bytes, token: str = TOKEN, query: str = "") -> Any:
        """A delivery, whatever becomes of it."""
        return self.http.post(f"/hooks/{sender}{query}", content=body, headers=self.bearer(token))

    def asks(self, line: str, by: str = DANA, channel: str = "") -> dict[str, Any]:
        """A line typed without Slack."""
        asked = {"line": line, "as": by, "channel": channel}
        answer = self.http.post("/api/commands", json=asked, headers=self.bearer(API_TOKEN))
        assert answer.status_code == 200, answer.text
        self.settle()
        said: dict[str, Any] = answer.json()
        return said

    def retry_all(self) -> None:
        for letter in self.dead:
            where = f"/api/dead-letters/{letter['id']}/retry"
            assert self.http.post(where, headers=self.bearer(API_TOKEN)).json()["ok"]
        self.settle()

    def remove(self, ts: str, channel: str = "") -> None:
        """An admin of the workspace deletes a message of the bot's."""
        self.slack.delete("U0WATCH", channel or self.channel, ts)
        self.settle()

    def spoil(self, method: str, nth: int, kind: Kind) -> Spoiler:
        """A fault for the nth call of a method from now, counted from 0."""
        self.spoilers.append(Spoiler(method, nth, kind))
        return self.spoilers[-1]

    def ships(self, version: str, service: str = "checkout", seconds: float = 20) -> None:
        """CI ships it, reports it, and the canary is under way."""
        self.cluster.deploy(service, image=f"shop/{service}:{version}")
        self.deploy(version, service)
        self.passes(seconds)

    def types(self, line: str, by: str = DANA, channel: str = "") -> str:
        """What the person reads in answer."""
        shown = self.slack.command(by, channel or self.channel, line)
        self.settle()
        return "\n".join(flat(message) for message in shown)

    def presses(self, action: str, by: str = DANA, *, value: str | None = None, channel: str = "") -> str:
        """In the newest message, private ones included, that has this button."""
        where = self.slack.channel(channel or self.channel).id
        seen = [*self.slack.messages(where), *self.slack.ephemerals(where, by)]
        for message in sorted(seen, key=lambda m: str(m["ts"]), reverse=True):
            if f'"{action}"' in json.dumps(message.get("blocks", [])):
                shown = self.slack.press(by, where, message["ts"], action, value)
                self.settle()
                return "\n".join(flat(answer) for answer in shown)
        raise AssertionError(f"{by} sees no button {action}")

    def submits(self, by: str = DANA, **values: str) -> dict[str, str]:
        """The open form of a person; answers what is wrong with it."""
        view = self.slack.views[by][-1]
        errors = self.slack.submit(by, view["id"], values)
        self.settle()
        return errors

    # ------------------------------------------------------------ time

    def settle(self, patience: float = 8.0) -> datetime | None:
        """Do what is due, and wait for what will be within `patience` seconds, such as a paced call. What is next."""
        until = self.clock.now() + timedelta(seconds=patience)
        for _ in range(2_000):
            if self.slack.run_due():
                continue
            due = self.store.next_due(self.clock.now())
            if due is None or due > until:
                return due
            if due > self.clock.now():
                self.clock.advance(seconds=max(0.01, (due - self.clock.now()).total_seconds()))
            self.drain(self.world)
        raise AssertionError("the outbox never comes to rest")

    def passes(self, seconds: float) -> None:
        """Time goes by, and what falls due is done in its time."""
        end = self.clock.now() + timedelta(seconds=seconds)
        due = self.settle(patience=0)
        while self.clock.now() < end:
            step = min(end, due) if due and due > self.clock.now() else end
            if self.is_cut_off:
                step = min(step, self.clock.now() + LOOK_EVERY)
            self.clock.advance(seconds=(step - self.clock.now()).total_seconds())
            due = self.settle(patience=0)
            if self.look_for_slack():
                due = self.settle(patience=0)
        self.observe()

    def observe(self) -> None:
        """What the watches tell at once, and the look behind them that comes every half minute."""
        self.cluster.reconcile()
        now, told = self.clock.now(), self.cluster.store.version
        if told != self.told or self.world.unread or now - self.observed_at >= OBSERVE_EVERY:
            self.told, self.observed_at = told, now
            rollouts.observe(self.world)

    def look_for_slack(self) -> bool:
        """Every ten seconds, as the clock of the bot does; in vain only while Slack is away, and until that is over."""
        if self.clock.now() - self.looked_at < LOOK_EVERY or not self.is_cut_off:
            return False
        self.looked_at = self.clock.now()
        outages.look(self.world)
        return True

    @property
    def is_cut_off(self) -> bool:
        """Slack does not answer, or the bot has not seen yet that it does again."""
        return self.slack.faults.is_cut or self.store.read(outages.is_failing)

    # ------------------------------------------------------------ what is there

    @property
    def incidents(self) -> tuple[Incident, ...]:
        return self.store.read(lambda tx: tx.incidents())

    @property
    def incident(self) -> Incident:
        return self.incidents[0]

    @property
    def channel(self) -> str:
        """Where people type: the newest incident's channel, or a general one."""
        newest = self.incidents[:1]
        return newest[0].channel if newest and newest[0].channel else "C0INCIDENTS"

    def channel_after_joining(self, who: str) -> str:
        """The newest incident's channel, with this person in it."""
        self.slack.join(who, self.channel)
        return self.channel

    @property
    def channels(self) -> list[str]:
        """The incident channels there are, archived ones included."""
        return [c.name for c in self.slack.channels.values() if c.creator == "U0WATCH" and not c.is_im]

    def said(self, channel: str = "") -> list[str]:
        """What the bot posted there, oldest first."""
        where = self.slack.channel(channel or self.channel).id
        return [
            flat(m) for m in self.slack.messages(where) if m.get("bot_id") and m.get("subtype") in (None, "file_share")
        ]

    def whispered(self, who: str) -> list[str]:
        """The bot's direct messages to this person, oldest first."""
        rooms = [room for room in self.slack.channels.values() if room.is_im and who in room.members]
        return [text for room in rooms for text in self.said(room.id)]

    def posts_about(self, what: str) -> list[str]:
        """Posts of the bot's whose key has this part, such as "reminder"."""
        posts = self.slack.channel(self.channel).messages.values()
        return [flat(m) for m in posts if f"/{what}/" in json.dumps(m.get("metadata"))]

    @property
    def patches(self) -> int:
        """How often the cluster was asked to change something."""
        return sum(call.verb == "patch" for call in self.cluster.calls)

    @property
    def card(self) -> str:
        room = self.slack.channel(self.channel)
        return flat(room.messages[self.incident.card])

    @property
    def timeline(self) -> list[str]:
        return self.store.read(lambda tx: [entry.text for entry in tx.entries(self.incident.id)])

    @property
    def fired(self) -> list[str]:
        return [text for text in self.timeline if text.endswith(" fired")]

    @property
    def dead(self) -> list[dict[str, Any]]:
        """The effects that were given up, as the API lists them."""
        letters: list[dict[str, Any]] = self.http.get("/api/dead-letters", headers=self.bearer(API_TOKEN)).json()
        return letters

    @property
    def live(self) -> list[str]:
        """The live cards in the newest incident's channel, as they read now."""
        return [text for text in self.said() if "kept up" in text.lower() or "Not read since" in text]

    @property
    def files(self) -> list[str]:
        """Titles of what stands in the channel, threads included."""
        messages = self.slack.channel(self.channel).messages.values()
        return [str(file["title"]) for message in messages for file in message.get("files") or ()]

    def cards(self) -> int:
        """How many cards of the newest incident stand in its channel."""
        return sum(text.startswith(f"{self.incident.id} · ") for text in self.said())

    def announcements(self) -> int:
        return sum(f"*{self.incident.id}*" in text for text in self.said("C0INCIDENTS"))

    @property
    def keys(self) -> Counter[str]:
        """How many messages there are of each key of ours. An edit takes the key away."""
        posts = (m for channel in self.slack.channels.values() for m in channel.messages.values() if m.get("metadata"))
        return Counter(str(m["metadata"]["event_payload"]["k"]) for m in posts)

    def doubled(self) -> list[str]:
        return [key for key, count in self.keys.items() if count > 1]

    def calls(self, method: str) -> int:
        return sum(call.method == method for call in self.slack.calls)


def flat(message: dict[str, Any]) -> str:
    """All text of a message, in order."""
    blocks = message.get("blocks") or []
    words = list(_texts(blocks)) if blocks else [str(message.get("text") or "")]
    return "\n".join(words + [str(file.get("name")) for file in message.get("files") or ()])


def _texts(node: Any) -> Iterator[str]:
    if isinstance(node, dict):
        if isinstance(node.get("text"), str) and node.get("type") in ("mrkdwn", "plain_text", "text", "markdown"):
            yield node["text"]
        for key, value in node.items():
            if key != "text" or not isinstance(value, str):
                yield from _texts(value)
    elif isinstance(node, list):
        for item in node:
            yield from _texts(item)


@contextmanager
def told(store: Store, folder: Path, lobby: Lobby, policy: Policy = SHOP) -> Iterator[Story]:
    """`store` is without a row, and stays the lender's."""
    story = Story(store, folder, lobby, policy)
    try:
        yield story
    finally:
        story.close()

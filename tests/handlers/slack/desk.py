"""The bot's Slack side at work: the real Bolt app and store, and a pretend workspace behind real HTTP."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from concurrent.futures import Executor, Future
from functools import cache
from typing import Any, TypeVar

from slack_bolt import App, BoltRequest

from bot.decision import Card, Decision
from bot.errors import NotYet, ProviderError
from bot.model import Incident
from bot.policy import Policy
from handlers import outbox
from handlers.manifest import manifest
from handlers.providers.slack import SlackChat
from handlers.providers.slack_api import connect
from handlers.slack import bolt
from handlers.slack.identity import preflight
from handlers.world import World
from sandbox.clock import FrozenClock
from sandbox.server import serve, slack_app
from sandbox.slack.events import Ack, Delivery, Failed, Result
from sandbox.slack.model import BOT_TOKEN
from sandbox.slack.workspace import Workspace
from tests.databases import memory_store
from tests.values import NOON, incident

COMMANDS = {"incident": "/incident", "rollout": "/rollout"}
T = TypeVar("T")
INCIDENTS, GENERAL = "C0INCIDENTS", "C0GENERAL"


class Inline(Executor):
    """Bolt's listeners run to their end before the request is answered."""

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        future: Future[Any] = Future()
        future.set_result(fn(*args, **kwargs))
        return future


installed = cache(lambda: manifest(COMMANDS))


class Desk:
    """Made once for a test: what people do is answered when the call returns."""

    def __init__(self) -> None:
        self.clock = FrozenClock(NOON)
        self.workspace = Workspace(self.clock)
        self.workspace.install(installed())
        self.workspace.before_call = self.no_transaction
        self.served = serve(slack_app(self.workspace))
        self.store = memory_store()
        self.client = connect(BOT_TOKEN, f"{self.served.url}/api/")
        self.me = preflight(self.client)
        self.chat = SlackChat(self.client, self.store, self.clock.now, self.me)
        self.world = World(
            store=self.store,
            chat=self.chat,
            rollouts={},
            policy=Policy(),
            now=self.clock.now,
            commands=COMMANDS,
        )
        self.app = self.listening(self.world)

    def no_transaction(self, method: str) -> None:
        assert not self.store.busy, f"{method} was called inside a transaction"

    def listening(self, world: World) -> App:
        """The app of this world, connected in place of any other."""
        for transport in list(self.workspace.courier.transports):
            self.workspace.disconnect(transport)
        app = bolt.build(world, self.client, self.me, executor=Inline())
        self.workspace.connect(direct(app))
        return app

    def close(self) -> None:
        self.served.close()
        self.store.close()

    # ------------------------------------------------------------ time passes

    def settle(self) -> None:
        """Do all that is due, waiting out every rate limit."""
        for _ in range(200):
            outbox.drain(self.world)
            due = self.store.next_due(self.clock.now())
            if due is None or (due - self.clock.now()).total_seconds() > 60:
                return
            self.clock.advance(max(0.01, (due - self.clock.now()).total_seconds()))
        raise AssertionError("there is always something left to do")

    def in_the_end(self, do: Callable[[bool], T]) -> T:
        """As the outbox would: `do(again)`, after every limit and every failure that may pass."""
        again = False
        for _ in range(100):
            try:
                return do(again)
            except NotYet as wait:
                self.clock.advance(wait.seconds)
            except ProviderError as error:
                if error.permanent:
                    raise
                again = True
        raise AssertionError("it is never done")

    # ------------------------------------------------------------ what is there

    def open_incident(self, channel: str = INCIDENTS, **other: Any) -> Incident:
        """An incident that lives in this channel, without the fuss of opening one."""
        saved = incident(channel=channel, channel_name="incidents", next_update_at=None, version=0, **other)
        self.world.decide(lambda tx, now: Decision(save=(saved,)))
        return self.world.read(lambda tx: tx.incident(saved.id))

    def said_to(self, user: str, channel: str = INCIDENTS) -> str:
        """What this person alone was told last."""
        return text_of(self.workspace.ephemerals(channel, user)[-1])

    def calls(self, method: str) -> int:
        return sum(call.method == method for call in self.workspace.calls)

    def messages(self, channel: str) -> list[Any]:
        """What the bot said there."""
        return [m for m in self.workspace.messages(channel) if m.get("bot_id") and not m.get("subtype")]


def eventually(true: Callable[[], bool], seconds: float = 30.0) -> bool:
    """What becomes true on another thread that announces nothing."""
    never = threading.Event()
    return any(true() or never.wait(0.01) for _ in range(int(seconds * 100)))


def text_of(message: dict[str, Any]) -> str:
    return f"{message.get('text', '')} {json.dumps(message.get('blocks', []), ensure_ascii=False)}"


def direct(app: App) -> Callable[[Delivery], Result]:
    """A transport without a network: what the Socket Mode adapter does between socket and app."""

    def deliver(delivery: Delivery) -> Result:
        answer = app.dispatch(BoltRequest(mode="socket_mode", body=delivery.payload))
        if answer.status != 200:
            return Failed()
        return Ack(json.loads(answer.body) if answer.body.startswith("{") else {})

    return deliver


def card(text: str = "Checkout is slow", **other: Any) -> Card:
    return Card(text=text, **other)
